"""Which versions meet: of this program, of the operators that hold a Lease, of the API server."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from kaitu.cli.kube.session import Session
from kaitu.cluster.errors import ApiError, Forbidden, Missing
from kaitu.cluster.tenure import NAME, PROGRAM, WATCHES, lease_of, shards
from kaitu.core import version

SYSTEM: Final = "kaitu-system"
_LEASES: Final = "/apis/coordination.k8s.io/v1"


def client() -> dict[str, str]:
    return {"client": version.PROGRAM}


@dataclass(frozen=True, slots=True)
class Held:
    """One operator, as its Lease shows it."""

    namespace: str
    holder: str
    renewed: datetime | None
    watches: str
    version: str
    shards: int = 1


async def leases(session: Session) -> tuple[list[Held], bool]:
    """Those in sight, and whether all namespaces could be looked at."""
    query = {"fieldSelector": f"metadata.name={NAME}"}
    try:
        found = [one async for one in session.api.list(f"{_LEASES}/leases", **query)]
    except Forbidden:
        places = {SYSTEM, session.namespace}
        near = [await _lease(session, place) for place in sorted(places)]
        return [held(one) for one in near if one], False
    return [held(one) for one in found], True


async def others(session: Session, first: Held) -> dict[int, Held | None]:
    """Who leads the other shards of this fleet, by their Leases; None where there is none. Those
    that may not be read are left out.
    """
    found: dict[int, Held | None] = {}
    for shard in range(1, first.shards):
        try:
            found[shard] = held(await session.api.get(_path(first.namespace, shard)))
        except Missing:
            found[shard] = None
        except Forbidden:
            continue
    return found


def _path(namespace: str, shard: int) -> str:
    return f"{_LEASES}/namespaces/{namespace}/leases/{lease_of(shard)}"


async def _lease(session: Session, namespace: str) -> dict[str, Any] | None:
    try:
        return await session.api.get(_path(namespace, 0))
    except (Missing, Forbidden):
        return None


def held(body: Mapping[str, Any]) -> Held:
    spec, told = body.get("spec") or {}, body["metadata"].get("annotations") or {}
    renewed = spec.get("renewTime")
    return Held(
        namespace=body["metadata"]["namespace"],
        holder=spec.get("holderIdentity") or "",
        renewed=datetime.fromisoformat(renewed.replace("Z", "+00:00")) if renewed else None,
        watches=told.get(WATCHES, ""),
        version=told.get(PROGRAM, ""),
        shards=shards(dict(body)) or 1,
    )


async def versions(session: Session) -> dict[str, str]:
    """By who it is."""
    server = (await session.api.get("/version"))["gitVersion"]
    found = {**client(), "server": server}
    try:
        known, _ = await leases(session)
    except ApiError:
        known = []
    for one in known:
        state = one.version or "unknown"
        found[f"operator in {one.namespace}"] = state if one.holder else f"{state}, not running"
    return found if known else {**found, "operator": "none in sight"}
