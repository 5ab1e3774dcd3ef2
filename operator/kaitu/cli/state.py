"""Who kaituctl is to the nodes: an installation id and a fence counter, kept on this machine."""

import fcntl
import json
import os
import secrets
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kaitu.cli.usage import UsageError

NOBODY: Final = "-"
"""The installation of a kaituctl that has never written to a node."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What ``kaitu-installation`` is in a cluster."""

    id: str
    fence: int


def folder() -> Path:
    """Where the state is kept, as the XDG base directories have it."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "kaitu"


def known() -> Installation:
    """Who we are; nothing is written for asking."""
    return _read(_file()) or Installation(NOBODY, 0)


def raise_fence() -> Installation:
    """Who we are from now on: with a counter that no apply before this one had."""
    try:
        with _locked():
            before = _read(_file()) or Installation(str(uuid.uuid4()), 0)
            after = Installation(before.id, before.fence + 1)
            _write(_file(), json.dumps({"id": after.id, "fence": after.fence}) + "\n")
    except OSError as error:
        raise UsageError(f"{folder()}: {error.strerror}; who we are must be kept there") from None
    return after


def process() -> str:
    """Tells two runs apart that have the same counter."""
    return secrets.token_hex(8)


def _file() -> Path:
    return folder() / "installation.json"


@contextmanager
def _locked() -> Iterator[None]:
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder() / "lock", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _read(file: Path) -> Installation | None:
    """None where there is no file. A damaged one must not make us somebody else."""
    try:
        found = json.loads(file.read_text("utf-8"))
        if type(found["fence"]) is not int or found["fence"] < 0:
            raise ValueError
        return Installation(str(uuid.UUID(found["id"])), found["fence"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{file} cannot be read: it must hold the id and fence of old") from None


def _write(file: Path, text: str) -> None:
    """Whole or not at all, also when the power fails; only its owner may read it."""
    fd, draft = tempfile.mkstemp(prefix=".installation.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(fd, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    _flush(file.parent)


def _flush(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
