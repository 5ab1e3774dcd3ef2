"""A KaituNode goes away: by default its node stays as it is; ``Release`` takes our files back."""

import asyncio
import logging

from kaitu.api.crd import path
from kaitu.api.node import NodeSpec, validate
from kaitu.cluster.api import ApiError, Missing
from kaitu.controller.app import App
from kaitu.controller.prepare import identity, session, way
from kaitu.controller.store import FINALIZER, Record
from kaitu.core.command import Command
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.engine.codes import check
from kaitu.engine.schedule import pace_of

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""A node that cannot be reached must not keep its resource from being deleted for ever."""
WHILE_BUSY = 500
AGAIN = 10.0
"""Seconds until the next: no event tells that a finalizer may be changed now."""


async def keep_finalizer(app: App, record: Record, spec: NodeSpec) -> bool:
    """Our finalizer is there exactly while ``deletionPolicy`` is ``Release``; False: not yet."""
    wanted = spec.deletion_policy == "Release"
    if wanted == (FINALIZER in record.finalizers):
        return True
    return await _set_finalizer(app, record, present=wanted)


async def depart(app: App, record: Record) -> float | None:
    """Release the node of a resource that is being deleted; bounded, then let it go."""
    if FINALIZER not in record.finalizers:
        return None
    memory = record.memory
    memory.farewells += 1
    try:
        await _release(app, record)
    except (KaituError, TimeoutError) as error:
        if memory.farewells < _patience(error):
            return AGAIN
        log.warning(
            "%s/%s is deleted without releasing its node, which keeps our files: %s",
            record.namespace,
            record.name,
            error,
        )
    return None if await _set_finalizer(app, record, present=False) else AGAIN


def _patience(error: Exception) -> int:
    """How often it is tried: once where nothing of ours is on the node, and as long as a job may
    run where one runs; that ends by itself.
    """
    reason = error.reason if isinstance(error, KaituError) else None
    if reason in {Reason.OWNED_BY_ANOTHER, Reason.NOT_OWNED}:
        return 1
    return WHILE_BUSY if reason is Reason.NODE_BUSY else ATTEMPTS


async def _release(app: App, record: Record) -> None:
    spec = validate(record.spec)
    async with asyncio.timeout(spec.timeout_seconds):
        transport = await session(app, record, await way(app, record, spec), pace_of(spec))
        command = Command("release")
        check(command, await transport.write(command, identity(app, record).guard))


async def _set_finalizer(app: App, record: Record, *, present: bool) -> bool:
    """Change the list only as it was seen: other controllers' finalizers are theirs."""
    if not app.may_write(record.key):
        return False
    kept = [name for name in record.finalizers if name != FINALIZER]
    patch = {
        "metadata": {
            "resourceVersion": record.version,
            "uid": record.uid,
            "finalizers": [*kept, FINALIZER] if present else kept,
        }
    }
    try:
        body = await app.api.patch(path(*record.key), patch)
    except Missing:
        return True
    except ApiError as error:
        log.warning("finalizer of %s/%s not changed: %s", record.namespace, record.name, error)
        return False
    if "deletionTimestamp" not in body["metadata"] or body["metadata"].get("finalizers"):
        app.wrote(body)
    return True
