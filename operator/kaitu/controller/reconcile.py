"""One node's turn: prepare, visit, report, and say when to come back."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kaitu.api.node import NodeSpec, validate
from kaitu.controller.app import App
from kaitu.controller.departure import depart, keep_finalizer
from kaitu.controller.prepare import Prepared, orders, pace_of, prepare, session
from kaitu.controller.publish import announcement, publish
from kaitu.controller.store import ADOPT, REQUESTED_AT, Key, Record
from kaitu.core.errors import KaituError
from kaitu.core.reasons import REASONS, Condition, Reason
from kaitu.engine import report, schedule, verdicts
from kaitu.engine.queue import Priority
from kaitu.engine.report import Subject
from kaitu.engine.schedule import Pace
from kaitu.engine.visit import Visit, visit

WITHOUT_LEASE = 2.0
"""Seconds until a node is thought of again while the lease cannot be renewed."""
BLIND = Pace(interval=600, timeout=60, first_retry=1)
"""The pace of a node whose spec cannot be read."""


async def reconcile(app: App, key: Key) -> float | None:
    """Give the node of ``key`` its turn. Seconds until the next; None: when something changes."""
    record = app.store.get(key)
    if record is None:
        return None
    if not app.leader.may_write():
        return WITHOUT_LEASE
    if record.deleting:
        return await depart(app, record)
    try:
        spec = validate(record.spec)
    except KaituError as error:
        return await _failed(app, record, error, BLIND)
    await keep_finalizer(app, record, spec)
    if spec.suspend:
        await _suspend(app, record)
        return None
    return await _turn(app, record, spec)


async def _suspend(app: App, record: Record) -> None:
    findings = verdicts.suspended(record.status.get("conditions", ()))
    status = report.with_conditions(_subject(record), findings, _now())
    await publish(app, record, {**status, "observedGeneration": record.generation})
    app.pool.forget(record.key)


async def _turn(app: App, record: Record, spec: NodeSpec) -> float:
    """Visit; whatever stops it becomes a condition, never an exception."""
    pace = pace_of(spec)
    try:
        async with asyncio.timeout(pace.timeout):
            prepared = await prepare(app, record, spec)
            result = await _visit(app, record, prepared)
    except KaituError as error:
        return await _failed(app, record, error, pace)
    except TimeoutError:
        app.pool.forget(record.key)
        late = KaituError(Reason.VISIT_DEADLINE, f"no end within {pace.timeout:g} s")
        return await _failed(app, record, late, pace)
    return await _finished(app, record, prepared, result)


async def _visit(app: App, record: Record, prepared: Prepared) -> Visit:
    transport = await session(app, record, prepared.target)

    async def announce(text: str) -> bool:
        return await announcement(app, record, text)

    ours = orders(app, record, prepared, announce)
    return await visit(prepared.managed, prepared.desired, transport, ours)


def _subject(record: Record, revision: str | None = None, *, adopted: bool = False) -> Subject:
    """The resource as the report sees it; tokens are echoed once the visit has finished."""
    handled = dict(record.status.get("handled", {}))
    if REQUESTED_AT in record.annotations:
        handled["requestedAt"] = record.annotations[REQUESTED_AT]
    if adopted and ADOPT in record.annotations:
        handled["adopt"] = record.annotations[ADOPT]
    return Subject(record.generation, record.status, revision, handled)


async def _failed(app: App, record: Record, error: KaituError, pace: Pace) -> float:
    """Report a visit that saw nothing, and come back by the reason's retry class."""
    memory, retry = record.memory, REASONS[error.reason].retry
    memory.failed(app.clock())
    findings = verdicts.of_failure(error, memory.streak)
    subject = _subject(record)
    status = report.of_failure(subject, findings, _now())
    await publish(app, record, status, report.events(subject, None, findings))
    app.metrics.visits.labels(str(error.reason)).inc()
    delay = schedule.backoff(retry, memory.attempts, pace, app.chance())
    memory.fresh_until = app.clock() + delay + pace.stale_after
    return delay


async def _finished(app: App, record: Record, prepared: Prepared, result: Visit) -> float:
    """Report a trusted visit, give the slot back where the node is at rest, and come back."""
    memory, now = record.memory, app.clock()
    memory.trusted()
    memory.host = result.sight.host
    disrupting = result.busy and app.slots.has(record.key)
    findings = verdicts.of_visit(result, flapping=memory.flapping(now), disrupting=disrupting)
    owner = (app.writer.installation, f"{record.namespace}/{record.name}")
    adopted = result.sight.host.owner == owner
    subject = _subject(record, prepared.revision, adopted=adopted)
    status = report.of_visit(subject, result, findings, _now(), app.pool.describe(record.key))
    await publish(app, record, status, report.events(subject, result, findings))
    _count(app, result, findings)
    _rest(app, record, result)
    delay = _delay(app, record, prepared.pace, result)
    memory.fresh_until = now + delay + prepared.pace.stale_after
    return delay


def _count(app: App, result: Visit, findings: verdicts.Findings) -> None:
    app.metrics.visits.labels(str(findings[Condition.READY].reason)).inc()
    for outcome in result.outcomes.values():
        if outcome.applied:
            app.metrics.steps.labels(outcome.name).inc(len(outcome.applied))


def _rest(app: App, record: Record, result: Visit) -> None:
    """A node at rest gives its slot back, and those that waited for one are woken."""
    held = next((o.report["held"] for o in result.outcomes.values() if o.report.get("held")), None)
    app.slots.hold(record.key, held)
    if not result.busy and app.slots.free(record.key):
        wake_waiting(app, record.namespace)


def wake_waiting(app: App, namespace: str) -> None:
    for other in app.store.all():
        if other.namespace == namespace and waits_for_slot(other.status):
            app.queue.add(other.key, Priority.REFERENCE)


def waits_for_slot(status: Mapping[str, Any]) -> bool:
    waiting = Reason.WAITING_FOR_SLOT.value
    return any(aspect["reason"] == waiting for aspect in status.get("aspects", ()))


def _delay(app: App, record: Record, pace: Pace, result: Visit) -> float:
    """Soon while a job runs, by class while something is to be retried, else the interval."""
    memory, regular = record.memory, schedule.regular(pace, app.chance())
    if schedule.going_on(result):
        memory.polls += 1
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
