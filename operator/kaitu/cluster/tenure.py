"""The decisions about a Lease. Pure: the time is an argument, of a clock that never goes back."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kaitu.api.crd import GROUP

NAME: Final = "kaitu-operator"
"""The Lease of the first shard, which is the only one unless there are several."""
WAITING: Final = f"{NAME}-waiting"
"""The Lease of who leads no shard while others lead several: they give it one of theirs."""
MOST_SHARDS: Final = 8
WATCHES: Final = f"{GROUP}/watches"
"""Annotation of the Lease: the namespaces that its holder watches; ``*`` is all."""
PROGRAM: Final = f"{GROUP}/version"
"""Annotation of the Lease: the version of its holder."""
SHARDS: Final = f"{GROUP}/shards"
"""Annotation of the Lease: how many shards its holder knows. That of the first one is in force."""
LASTS: Final = 15
"""Seconds without a change after which others may take the lease."""
RENEW_EVERY: Final = 5.0
TRUSTED: Final = 10.0
"""Seconds after a renewal was sent for which its sender may write: others wait for LASTS from
when they see it, which is later."""
EACH: Final = 3.0

Lease = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A state of the lease, and when this process saw it first."""

    version: str
    since: float


@dataclass(frozen=True, slots=True)
class Create:
    """There is no lease: make one."""


@dataclass(frozen=True, slots=True)
class Take:
    """Nobody holds it any more: replace this very state of it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """It is held; look again, ``seconds`` is when it could be free at the soonest."""

    seconds: float


def lease_of(shard: int) -> str:
    """The name of a shard's Lease."""
    return f"{NAME}-{shard}" if shard else NAME


def shard_of(uid: str, count: int) -> int:
    """To which of ``count`` shards an object belongs, always and for everyone."""
    return zlib.crc32(uid.encode()) % count if count > 1 else 0


def shards(lease: Lease | None) -> int | None:
    """How many shards the holder of this Lease knows; None where there never was one."""
    if lease is None:
        return None
    told = (lease["metadata"].get("annotations") or {}).get(SHARDS, "")
    return int(told) if told.isascii() and told.isdigit() else 1


def patience(led: int) -> float:
    """Seconds for which one who leads so many leaves a free shard to those who lead fewer."""
    return min(EACH * led, 2 * EACH)


def observe(seen: Seen | None, lease: Lease | None, now: float) -> Seen | None:
    """What was seen of this state: its first sight stays, a new state starts anew."""
    if lease is None:
        return None
    version = lease["metadata"]["resourceVersion"]
    return seen if seen and seen.version == version else Seen(version, now)


def decide(lease: Lease | None, seen: Seen | None, me: str, now: float) -> Create | Take | Wait:
    """What one who wants to lead does; ``seen`` is what ``observe`` made of ``lease``."""
    if lease is None or seen is None:
        return Create()
    if holder_of(lease) in ("", me):
        return Take()
    left = seen.since + lasts(lease) - now
    return Wait(left) if left > 0 else Take()


def holder_of(lease: Mapping[str, Any]) -> str:
    """The identity of the holder; empty when it was released."""
    return (lease.get("spec") or {}).get("holderIdentity") or ""


def lasts(lease: Mapping[str, Any]) -> float:
    """How long its holder asked others to wait."""
    return float((lease.get("spec") or {}).get("leaseDurationSeconds") or LASTS)


def trusted(sent: float | None, now: float) -> bool:
    """Whether the last renewal, sent at ``sent``, still keeps others away for long enough."""
    return sent is not None and 0 <= now - sent < TRUSTED


def taken(
    lease: Lease | None, name: Mapping[str, str], me: str, stamp: str, about: Mapping[str, str]
) -> Lease:
    """The lease held by ``me``. ``name`` is its name and namespace, ``stamp`` a MicroTime, and
    ``about`` what its annotations tell of the holder.
    """
    old = (lease or {}).get("spec") or {}
    moves = int(old.get("leaseTransitions") or 0)
    spec = {
        "holderIdentity": me,
        "leaseDurationSeconds": LASTS,
        "acquireTime": stamp,
        "renewTime": stamp,
        "leaseTransitions": moves + 1 if lease else 0,
    }
    return _told(_with(lease or _new(name), spec), about)


def renewed(lease: Lease, stamp: str) -> Lease:
    return _with(lease, {**lease["spec"], "renewTime": stamp})


def released(lease: Lease, stamp: str, about: Mapping[str, str]) -> Lease:
    """Without a holder: whoever sees it may take it at once."""
    spec = {**lease["spec"], "holderIdentity": "", "renewTime": stamp}
    return _told(_with(lease, spec), about)


def _told(lease: Lease, about: Mapping[str, str]) -> Lease:
    meta = lease["metadata"]
    annotations = {**(meta.get("annotations") or {}), **about}
    return {**lease, "metadata": {**meta, "annotations": annotations}}


def _new(name: Mapping[str, str]) -> Lease:
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": dict(name)}


def _with(lease: Lease, spec: Mapping[str, Any]) -> Lease:
    return {**lease, "spec": dict(spec)}
