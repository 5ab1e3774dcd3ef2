"""What leaves a visit for the API: one status patch where something changed, then the events."""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kaitu.api.bounds import fitted
from kaitu.cluster.api import ApiError
from kaitu.cluster.status import ATTEMPTS, diff, write
from kaitu.controller.app import App
from kaitu.controller.store import Record
from kaitu.core.aspect import Problem
from kaitu.core.reasons import Condition, Reason, Verdict
from kaitu.engine import report
from kaitu.engine.report import Event

log = logging.getLogger(__name__)


async def publish(
    app: App,
    record: Record,
    status: Mapping[str, Any],
    events: Sequence[Event] = (),
    *,
    attempts: int = ATTEMPTS,
) -> bool:
    """Write the status if it differs, then send the events.

    False when the API does not have it: it refused, or the resource is gone or another by now.
    """
    current = app.store.get(record.key)
    if current is None or current.uid != record.uid or not app.may_write(record.key):
        return False
    said = not diff(current.status, status)
    if not said:
        try:
            said = await _written(app, current, fitted(status), attempts)
        except ApiError as error:
            log.warning("status of %s/%s not written: %s", record.namespace, record.name, error)
            return False
    for event in events:
        await app.events.send(record.namespace, record.name, record.uid, event)
    return said


async def _written(app: App, current: Record, wanted: Mapping[str, Any], attempts: int) -> bool:
    body = await write(app.api, current, wanted, attempts=attempts)
    if body is None:
        return not diff(current.status, wanted)
    app.metrics.status_writes.inc()
    app.wrote(body)
    return True


async def announcement(app: App, record: Record, text: str) -> Problem | None:
    """Say that disruptive work begins: after a crash right now the next process must know it.
    Returns what is against it.
    """
    if await _announced(app, record, text):
        return None
    return Problem(Reason.WAITING_FOR_API, "the API did not take the announcement")


async def _announced(app: App, record: Record, text: str) -> bool:
    current = app.store.get(record.key) or record
    conditions = list(current.status.get("conditions", ()))
    if any(c["reason"] == Reason.DISRUPTING for c in conditions):
        return True
    others = [c for c in conditions if c["type"] != Condition.RECONCILING]
    now = report.stamp(datetime.now(UTC))
    reconciling = {
        "type": str(Condition.RECONCILING),
        "status": str(Verdict.TRUE),
        "reason": str(Reason.DISRUPTING),
        "message": text,
        "observedGeneration": current.generation,
        "lastTransitionTime": now,
    }
    return await publish(app, current, {**current.status, "conditions": [*others, reconciling]})
