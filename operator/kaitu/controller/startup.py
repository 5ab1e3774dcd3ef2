"""What must be there before any work begins. It is waited for, and said once, in one line."""

import asyncio
import logging
import resource
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from kaitu.api.served import APPLY, OPENAPI, compare
from kaitu.cluster import installation, tenure
from kaitu.cluster.access import Right, denied, on_nodes
from kaitu.cluster.api import Api, ApiError, Forbidden, Missing
from kaitu.cluster.errors import advice

log = logging.getLogger(__name__)

LOOK: Final = 2.0
FILES: Final = 1 << 16
Say = Callable[[str], None]


async def fit(api: Api, namespaces: Collection[str], lease_namespace: str, say: Say) -> None:
    """Return once this program can do all of its work; ``say`` is told what is missing so far.

    Nothing is led, visited or written before: half of the rights or of the schema is no start.
    """
    wrong, said = await _wrong(api, namespaces, lease_namespace), ""
    while wrong:
        if wrong != said:
            log.warning("waiting: %s", wrong)
            say(wrong)
        said = wrong
        await asyncio.sleep(LOOK)
        wrong = await _wrong(api, namespaces, lease_namespace)
    say("")


async def _wrong(api: Api, namespaces: Collection[str], lease_namespace: str) -> str:
    try:
        return await _schema(api) or await _lacking(api, rights(namespaces, lease_namespace))
    except ApiError as error:
        return f"{advice(error)} ({error})" if advice(error) else str(error)


async def _lacking(api: Api, needed: Iterable[Right]) -> str:
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


def rights(namespaces: Collection[str], lease_namespace: str) -> Iterator[Right]:
    """Without these nothing works at all. What a single node needs beside, its status says."""
    for namespace in namespaces or ("",):
        yield on_nodes("list", namespace)
        yield on_nodes("watch", namespace)
        yield on_nodes("patch", namespace, "status")
    for verb in ("get", "update"):
        yield Right(verb, "leases", lease_namespace, "coordination.k8s.io", tenure.NAME)
        yield Right(verb, "configmaps", lease_namespace, "", installation.NAME)
