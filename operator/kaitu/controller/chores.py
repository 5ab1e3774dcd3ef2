"""What happens beside visits: turns, freshness, the sweep, the references, the loop's pulse."""

import asyncio
import logging
from datetime import UTC, datetime

from kaitu.api.crd import path
from kaitu.cluster.api import ApiError
from kaitu.controller import logs
from kaitu.controller.app import App
from kaitu.controller.arrivals import forget, gone, leave
from kaitu.controller.publish import publish
from kaitu.controller.reconcile import UNSAID, reconcile
from kaitu.controller.store import Key, Record
from kaitu.core.reasons import Reason
from kaitu.engine import report, verdicts
from kaitu.engine.report import Subject

log = logging.getLogger(__name__)

AFTER_A_DEFECT = 60.0
SWEEP_EVERY = 120.0
LOOK_AGAIN = 20.0
"""Seconds until the next look where the watch has not told of something yet."""
PULSE = 1.0
SETTLED = 5.0
"""Seconds without an item of the watch's list after which that list has been taken in."""
SLOW = 5.0
"""Seconds of a turn that make a node one of the slow ones, until it is quick again."""


async def serve(app: App) -> None:
    """Give each node that is due its turn; for ever. The queue bounds how many have it at once."""
    async with asyncio.TaskGroup() as turns:
        while not app.stopping:
            key = await app.queue.get()
            turns.create_task(_serve(app, key))


async def _serve(app: App, key: Key) -> None:
    """One turn; the node is put back with its next due time."""
    if task := asyncio.current_task():
        app.looking[key] = task
    try:
        delay = None if app.stopping else await _turn(app, key)
        if delay is not None:
            app.queue.add_at(key, app.clock() + delay)
    finally:
        app.looking.pop(key, None)
        app.pool.rest(key)
        _gone_meanwhile(app, key)
        app.queue.done(key)


def _gone_meanwhile(app: App, key: Key) -> None:
    """Deleted, or led by another by now: what the visit took goes, too."""
    record = app.store.get(key)
    if record is None:
        forget(app, key)
    elif not app.works_in(app.shards.of(record.uid)):
        leave(app, record)


async def _turn(app: App, key: Key) -> float | None:
    began = app.clock()
    with app.metrics.visit_seconds.time(), logs.turn(*key):
        try:
            return await reconcile(app, key)
        except Exception:  # a defect of ours must cost one node's turn, not the fleet's
            log.exception("%s/%s: the visit ended in a defect", *key)
            app.metrics.visits.labels(str(Reason.INTERNAL_ERROR)).inc()
            return AFTER_A_DEFECT
        finally:
            if record := app.store.get(key):
                record.memory.slow = app.clock() - began > SLOW


async def freshness(app: App) -> None:
    """Whatever has not been looked at for too long is Unknown; shares no lock with visits."""
    while True:
        await asyncio.sleep(PULSE)
        now = app.clock()
        for record in tuple(app.records()):
            if now > record.memory.fresh_until and _believed(record):
                await _expire(app, record)


def _believed(record: Record) -> bool:
    reasons = {condition["reason"] for condition in record.status.get("conditions", ())}
    return bool(reasons) and not reasons & {Reason.STALE.value, Reason.SUSPENDED.value}


async def _expire(app: App, record: Record) -> None:
    """A conflict means that somebody wrote meanwhile, perhaps a visit: that is newer than this."""
    subject = Subject(record.generation, record.status)
    status = report.with_conditions(subject, verdicts.stale(), datetime.now(UTC))
    events = report.events(subject, None, verdicts.stale())
    if not await publish(app, record, status, events, attempts=1):
        memory = record.memory  # not at every pulse, and never sooner than a visit has said by now
        memory.fresh_until = max(memory.fresh_until, app.clock() + UNSAID)


async def sweep(app: App, relisted: asyncio.Event) -> None:
    """kopf reports no deletion of what vanished while its watch was broken: compare lists.

    The same list tells whether the watch is alive.
    """
    while True:
        try:
            owed = app.watched.owes(app.store)
            async with asyncio.timeout(LOOK_AGAIN if owed else SWEEP_EVERY):
                await _taken_in(relisted)
        except TimeoutError:
            pass
        try:
            await _sweep(app)
        except ApiError as error:
            log.warning("cannot list KaituNodes to find vanished ones: %s", error)


async def _taken_in(relisted: asyncio.Event) -> None:
    """Once for a whole list: each of its items sets the event."""
    await relisted.wait()
    while relisted.is_set():
        relisted.clear()
        await asyncio.sleep(SETTLED)


async def _sweep(app: App) -> None:
    known = {record.key: record.uid for record in app.store.all()}
    began = app.clock()
    present = await app.api.list_names(path(), app.namespaces)
    for key, uid in known.items():
        if key not in present:
            gone(app, key, uid)
    app.watched.compare(app.store, present, began)


async def pulse(app: App) -> None:
    """How late the event loop is: a loop that hangs makes every verdict doubtful."""
    while True:
        due = app.clock() + PULSE
        await asyncio.sleep(PULSE)
        app.lag = max(0.0, app.clock() - due)
        app.beat = app.clock()
