"""Host keys of nodes with ``hostKeyPolicy: TrustOnFirstUse``, as the first contact showed them."""

import json
from typing import Final

from kaitu.api.connection import fingerprint, is_host_key
from kaitu.cli import home
from kaitu.cli.usage import UsageError
from kaitu.core.errors import KaituError
from kaitu.remote.ssh import ChangedKey, Target

FILE: Final = "known_hosts.json"


def lookup(target: Target) -> str | None:
    """The key that was stored for this address; None before the first contact."""
    return _read().get(_name(target))


def store(target: Target, line: str, *, instead_of: str | None) -> None:
    """Store a key; another process that stored one meanwhile is not overruled."""
    with home.locked():
        known = _read()
        if known.get(_name(target)) != instead_of:
            raise UsageError(f"another kaituctl has just stored a host key for {_name(target)}")
        home.write(FILE, json.dumps({**known, _name(target): line}, indent=1) + "\n")


def explained(error: ChangedKey) -> KaituError:
    """The same with what a person can do about it."""
    offered = fingerprint(error.offered)
    return KaituError(
        error.reason,
        f"the host key is {offered}, which is not the one in {home.folder() / FILE}; not logged "
        "in. If the node itself shows this fingerprint (ssh-keygen -l on its console), accept it: "
        f"--accept-host-key {offered}",
    )


def _name(target: Target) -> str:
    """Address and way: the same private address behind two bastions is two hosts."""
    return " via ".join(f"[{one.host}]:{one.port}" for one in (target, *target.jumps))


def _read() -> dict[str, str]:
    """A damaged file must not make a first contact of one that was none."""
    text = home.read(FILE)
    try:
        found = json.loads(text) if text is not None else {}
        if not all(is_host_key(line) for line in found.values()):
            raise ValueError
        return dict(found)
    except (ValueError, TypeError, AttributeError):
        raise UsageError(f"{home.folder() / FILE} cannot be read") from None
