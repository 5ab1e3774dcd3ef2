"""What must be there before any work begins. It is waited for, and said once, in one line."""

import asyncio
import logging
import resource
from collections.abc import Callable, Collection, Iterator
from typing import Final

from kaitu.api.served import APPLY, OPENAPI, compare
from kaitu.cluster import installation, slots, tenure
from kaitu.cluster.access import Right, denied, on_nodes
from kaitu.cluster.api import Api, ApiError, Forbidden, Missing
from kaitu.cluster.errors import advice

log = logging.getLogger(__name__)

LOOK: Final = 2.0
FILES: Final = 1 << 16
Say = Callable[[str], None]


async def fit(api: Api, needed: Collection[Right], say: Say) -> None:
    """Return once this program can do all of its work; ``say`` is told what is missing so far.

    Nothing is led, visited or written before: half of the rights or of the schema is no start.
    """
    wrong, said = await _wrong(api, needed), ""
    while wrong:
        if wrong != said:
            log.warning("waiting: %s", wrong)
            say(wrong)
        said = wrong
        await asyncio.sleep(LOOK)
        wrong = await _wrong(api, needed)
    say("")


async def _wrong(api: Api, needed: Collection[Right]) -> str:
    try:
        return await _schema(api) or await _lacking(api, needed)
    except ApiError as error:
        return f"{advice(error)} ({error})" if advice(error) else str(error)


async def _lacking(api: Api, needed: Collection[Right]) -> str:
    try:
        lacking = await denied(api, needed)
    except Forbidden as error:
        log.warning("the operator's rights are not checked: %s", error)
        return ""
    told = "; ".join(map(str, lacking[:3]))
    return f"the operator's role lacks rights, apply its RBAC: {told}" if lacking else ""


async def _schema(api: Api) -> str:
    """Why the kind cannot be worked with; one that is newer is only told about."""
    try:
        served = compare(await api.get(OPENAPI))
    except Missing:
        served = None
    except Forbidden as error:
        log.warning("the CRD's age is not checked: %s", error)
        return ""
    if served is None:
        return f"the CRD kaitunodes is missing; {APPLY}"
    if served.newer and not served.too_old:
        log.warning("%s", served.newer)
    return served.too_old


def files() -> int:
    """How many files this process may have open, raised to what its limits let it have."""
    soft, hard = (
        FILES if limit == resource.RLIM_INFINITY else limit
        for limit in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    most = max(soft, min(hard, FILES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, max(most, hard)))
    return most


def rights(namespaces: Collection[str], lease_namespace: str, shards: int) -> tuple[Right, ...]:
    """Without these nothing works at all. What a single node needs beside, its status says."""
    return (*_on_nodes(namespaces), *_on_own(lease_namespace, shards))


def _on_nodes(namespaces: Collection[str]) -> Iterator[Right]:
    for namespace in namespaces or ("",):
        yield on_nodes("list", namespace)
        yield on_nodes("watch", namespace)
        yield on_nodes("patch", namespace, "status")


def _on_own(namespace: str, shards: int) -> Iterator[Right]:
    several = shards > 1
    leases = [*map(tenure.lease_of, range(shards)), *([tenure.WAITING] if several else ())]
    configs = [installation.NAME, *([slots.NAME] if several else ())]
    for verb in ("get", "update"):
        for name in leases:
            yield Right(verb, "leases", namespace, "coordination.k8s.io", name)
        for name in configs:
            yield Right(verb, "configmaps", namespace, "", name)
