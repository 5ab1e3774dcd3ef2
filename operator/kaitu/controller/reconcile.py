"""One node's turn: prepare, visit, report, and say when to come back."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from kaitu.api.annotations import ACCEPT_HOST_KEY, FORGOTTEN, RETRY, TOKENS
from kaitu.api.node import NodeSpec, validate
from kaitu.controller import logs, observer
from kaitu.controller.app import App
from kaitu.controller.departure import depart, keep_finalizer
from kaitu.controller.fence import fenced, look_again
from kaitu.controller.prepare import Prepared, orders, prepare, session
from kaitu.controller.publish import announcement, publish
from kaitu.controller.sharing import confirm
from kaitu.controller.store import Key, Record
from kaitu.controller.trust import accept, explained
from kaitu.core.aspect import Problem
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Condition, Reason, Verdict
from kaitu.core.transport import Transport
from kaitu.engine import drift, report, schedule, verdicts
from kaitu.engine.memory import figures
from kaitu.engine.report import Subject
from kaitu.engine.rest import keeps_slot
from kaitu.engine.schedule import Pace, pace_of
from kaitu.engine.verdicts import Finding
from kaitu.engine.visit import Visit, visit
from kaitu.remote.ssh import ChangedKey

log = logging.getLogger(__name__)

UNSAID = 10.0
"""Seconds at most until what the API server did not take is said again."""
WITHOUT_LEASE = 2.0
"""Seconds until a node is thought of again while the lease cannot be renewed."""
BLIND = Pace(interval=600, timeout=60, first_retry=1)
"""The pace of a node whose spec cannot be read."""


async def reconcile(app: App, key: Key) -> float | None:
    """Give the node of ``key`` its turn. Seconds until the next; None: when something changes."""
    record = app.store.get(key)
    if record is None or not app.leads(record):
        return None
    if not app.shards.may_write():
        return WITHOUT_LEASE
    if record.deleting:
        observer.forget(app, key)
        return await depart(app, record) if app.may_write(key) else WITHOUT_LEASE
    try:
        spec = validate(record.spec)
    except KaituError as error:
        observer.forget(app, key)  # nobody visits it, whether it is to be suspended or not
        return await _failed(app, record, error, BLIND)
    kept = await keep_finalizer(app, record, spec)
    if spec.suspend:  # no visit will come that could make up for what was not written
        return None if await _suspend(app, record) and kept else UNSAID
    return await _turn(app, record, spec)


async def _suspend(app: App, record: Record) -> bool:
    app.pool.forget(record.key)
    observer.forget(app, record.key)
    _give_way(app, record)
    subject = _subject(app, record)
    findings = verdicts.suspended(subject.status.get("conditions", ()))
    status = report.with_conditions(subject, findings, _now())
    return await publish(app, record, {**status, "observedGeneration": record.generation})


async def _turn(app: App, record: Record, spec: NodeSpec) -> float:
    """Visit; whatever stops it becomes a condition, never an exception."""
    pace, connection = pace_of(spec), None
    late = Reason.OBSERVER_DEGRADED  # what a deadline means: so far, that we were slow
    try:
        async with asyncio.timeout(pace.timeout) as limit:
            prepared = await prepare(app, record, spec)
            late = Reason.DIAL_TIMEOUT
            connection = await session(app, record, prepared.target, pace)
            late = Reason.VISIT_DEADLINE
            result = await _visit(app, record, prepared, connection, limit)
    except ChangedKey as error:
        return await _changed(app, record, spec, error)
    except KaituError as error:
        return await _failed(app, record, error, pace)
    except TimeoutError:
        app.pool.forget(record.key)
        if connection and connection.reused:  # nothing was heard of the node in this visit
            late = Reason.CONNECTION_LOST
        ended = KaituError(late, f"no end within {pace.timeout:g} s")
        return await _failed(app, record, ended, pace)
    return await _finished(app, record, prepared, result)


async def _changed(app: App, record: Record, spec: NodeSpec, error: ChangedKey) -> float:
    """A key that a person accepted is the node's from now on; any other one stops."""
    try:
        if await accept(app, record, spec, error):
            return 0.0
    except KaituError as failed:
        return await _failed(app, record, failed, pace_of(spec))
    return await _failed(app, record, explained(record, spec, error), pace_of(spec))


async def _visit(
    app: App, record: Record, prepared: Prepared, transport: Transport, limit: asyncio.Timeout
) -> Visit:
    async def announce(text: str) -> Problem | None:
        return await confirm(app, record) or await announcement(app, record, text)

    def left() -> float:
        return (limit.when() or 0.0) - asyncio.get_running_loop().time()

    ours = orders(app, record, prepared, announce, left)
    return await visit(prepared.managed, prepared.desired, transport, ours)


def _subject(
    app: App, record: Record, revision: str | None = None, answered: frozenset[str] = frozenset()
) -> Subject:
    """The resource as the report sees it: the spec that was visited, and the status of now, which
    may have been announced in meanwhile. Tokens are echoed once the visit has finished.
    """
    current = app.store.get(record.key)
    status = current.status if current and current.uid == record.uid else record.status
    handled = _still_asked(record, status.get("handled", {}))
    for token in {"requestedAt", *answered}:
        if TOKENS[token] in record.annotations:
            handled[token] = record.annotations[TOKENS[token]]
    return Subject(record.generation, status, revision, handled)


def _still_asked(record: Record, handled: Mapping[str, str]) -> dict[str, str]:
    """Where the annotation is gone its value is forgotten: the same may be asked for again."""
    gone = {name for name in FORGOTTEN if TOKENS[name] not in record.annotations}
    return {name: value for name, value in handled.items() if name not in gone}


def _accepted(app: App, record: Record, spec: NodeSpec) -> set[str]:
    """Whether the node proved the host key that a person asked to accept."""
    proven = app.pool.describe(record.key).get("hostKeyFingerprint")
    named = record.annotations.get(ACCEPT_HOST_KEY)
    return {"acceptHostKey"} if spec.connection.learns and named == proven else set()


async def _failed(app: App, record: Record, error: KaituError, pace: Pace) -> float:
    """Report a visit that saw nothing, and come back by the reason's retry class."""
    memory, retry = record.memory, error.row.retry
    memory.failed(app.clock())
    observer.failed(app, record.key, error.reason, pace)
    _give_way(app, record)
    findings = verdicts.of_failure(error, memory.streak)
    subject = _subject(app, record)
    status = report.of_failure(subject, findings, _now())
    said = await publish(app, record, status, report.events(subject, None, findings))
    _ended(app, subject, str(error.reason))
    delay = schedule.backoff(retry, memory.attempts, pace, app.chance())
    return _next(app, record, pace, delay, said=said)


def _next(app: App, record: Record, pace: Pace, delay: float, *, said: bool) -> float:
    """When to come back. While the API server does not have the new status, the old one must not
    look fresh: it grows stale, and the new one is tried again soon.
    """
    if not said:
        return min(delay, UNSAID * (0.5 + 0.5 * app.chance()))
    record.memory.fresh_until = app.clock() + delay + pace.stale_after
    return delay


async def _finished(app: App, record: Record, prepared: Prepared, result: Visit) -> float:
    """Report a trusted visit, give the slot back where the node is at rest, and come back."""
    memory, now = record.memory, app.clock()
    memory.trusted()
    memory.contact = time.time()
    observer.saw(app, record.key)
    memory.host = figures(result.sight.host)
    owner = (app.writer.installation, f"{record.namespace}/{record.name}")
    ours = result.sight.host.owner == owner
    there = app.store.get(record.key) is not None
    disrupting = keeps_slot(app.slots, record.key, result, ours=ours and there)
    answered = result.answered(record.annotations.get(RETRY, "-")) | ({"adopt"} if ours else set())
    answered |= _accepted(app, record, prepared.spec)
    findings = verdicts.of_visit(result, flapping=memory.flapping(now), disrupting=disrupting)
    subject = _subject(app, record, prepared.revision, answered)
    status = report.of_visit(subject, result, findings, _now(), app.pool.describe(record.key))
    said = await publish(app, record, status, report.events(subject, result, findings))
    if fenced(result):
        await look_again(app, record)
    _count(app, record, subject, result, findings[Condition.READY])
    _rest(app, record, result, disrupting=disrupting, said=said)
    delay = _delay(app, record, prepared.pace, result)
    return _next(app, record, prepared.pace, delay, said=said)


def _count(app: App, record: Record, subject: Subject, visit: Visit, ready: Finding) -> None:
    metrics, applied = app.metrics, {o.name: len(o.applied) for o in visit.outcomes.values()}
    if ready.verdict is Verdict.TRUE:
        record.memory.success = record.memory.contact
    metrics.steps_taken(applied)
    metrics.drifted(drift.detected(subject, visit), drift.corrected(subject, visit))
    _ended(app, subject, str(ready.reason), worked=any(applied.values()))


def _ended(app: App, subject: Subject, reason: str, *, worked: bool = False) -> None:
    """Count the visit and log it: at INFO where it changed something, or the verdict turned."""
    app.metrics.visits.labels(reason).inc()
    before = {c["type"]: c["reason"] for c in subject.status.get("conditions", ())}
    logs.visited(log, reason, news=worked or before.get(Condition.READY) != reason)


def _rest(app: App, record: Record, result: Visit, *, disrupting: bool, said: bool) -> None:
    """A node at rest gives its slot back, and its place in line where it no longer waits. Other
    processes know by its status alone what is held on it: until they were told, it keeps its slot.
    """
    before = record.status.get("revision", {}).get("held")
    held = result.held(before)
    app.slots.hold(record.key, held)
    told = said or held in (None, before) or app.shards.count == 1
    freed = told and not disrupting and app.slots.free(record.key)
    waits = any(one.reason is Reason.WAITING_FOR_SLOT for one in result.outcomes.values())
    left = not waits and app.slots.leave(record.key)
    if freed or left:
        app.wake(record.namespace)


def _give_way(app: App, record: Record) -> None:
    """Who cannot use a slot now must not keep it from those behind."""
    if app.slots.leave(record.key):
        app.wake(record.namespace)


def _delay(app: App, record: Record, pace: Pace, result: Visit) -> float:
    """Soon while a job runs, by class while something is to be retried, else the interval."""
    memory, regular = record.memory, schedule.regular(pace, app.chance())
    if schedule.going_on(result):
        begun = any(outcome.applied for outcome in result.outcomes.values())
        memory.polls = 0 if begun else memory.polls + 1
        return min(regular, schedule.poll(memory.polls))
    memory.polls = 0
    retry = schedule.retry_of(result)
    if retry is None:
        memory.attempts = 0
        return regular
    memory.attempts += 1
    return min(regular, schedule.backoff(retry, memory.attempts, pace, app.chance()))


def _now() -> datetime:
    return datetime.now(UTC)
