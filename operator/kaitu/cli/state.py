"""Who kaituctl is to the nodes: an installation id and a fence counter, kept on this machine."""

import json
import secrets
import uuid
from dataclasses import dataclass
from typing import Final

from kaitu.cli import home
from kaitu.cli.usage import UsageError

FILE: Final = "installation.json"
NOBODY: Final = "-"
"""The installation of a kaituctl that has never written to a node."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What ``kaitu-installation`` is in a cluster."""

    id: str
    fence: int


def known() -> Installation:
    """Who we are; nothing is written for asking."""
    return _read() or Installation(NOBODY, 0)


def raise_fence() -> Installation:
    """Who we are from now on: with a counter that no apply before this one had."""
    with home.locked():
        before = _read() or Installation(str(uuid.uuid4()), 0)
        after = Installation(before.id, before.fence + 1)
        home.write(FILE, json.dumps({"id": after.id, "fence": after.fence}) + "\n")
    return after


def process() -> str:
    """Tells two runs apart that have the same counter."""
    return secrets.token_hex(8)


def _read() -> Installation | None:
    """None where there is no file. A damaged one must not make us somebody else."""
    text = home.read(FILE)
    if text is None:
        return None
    try:
        found = json.loads(text)
        if type(found["fence"]) is not int or found["fence"] < 0:
            raise ValueError
        return Installation(str(uuid.UUID(found["id"])), found["fence"])
    except (ValueError, KeyError, TypeError, AttributeError):
        file = home.folder() / FILE
        raise UsageError(f"{file} cannot be read: it must hold the id and fence of old") from None
