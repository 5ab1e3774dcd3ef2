"""What the informer sees becomes work in the queue; microseconds each, no network."""

from collections.abc import Mapping
from typing import Any

from kaitu.api.node import validate
from kaitu.controller import observer
from kaitu.controller.app import App
from kaitu.controller.gauges import unix
from kaitu.controller.prepare import requested
from kaitu.controller.store import Key, Record
from kaitu.controller.trust import asked
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Condition, Reason, Verdict
from kaitu.engine.memory import Memory
from kaitu.engine.queue import Priority
from kaitu.engine.schedule import Pace, pace_of, spread

UNREADABLE = Pace(interval=60, timeout=60, first_retry=1)


def seen(app: App, kind: str | None, body: Mapping[str, Any]) -> None:
    """One watch event; ``kind`` is None while the informer lists."""
    key = (body["metadata"]["namespace"], body["metadata"]["name"])
    app.watched.told()
    if kind == "DELETED":
        return gone(app, key, body["metadata"]["uid"])
    known = app.store.get(key)
    record = app.store.see(body)
    current = app.store.get(key)
    if current and not app.leads(current):
        if known and known.uid != current.uid:
            forget(app, key)
        return _elsewhere(app, current)
    if record is None:
        return None
    if known is None or known.uid != record.uid:
        _first_sight(app, record)
    spreads = kind is None and not app.slots.has(key)
    _due(app, record, spreads, Priority.URGENT if known else Priority.REFERENCE)
    return None


def arrive(app: App, record: Record) -> None:
    """Its shard is led by this process from now on."""
    record.memory = Memory()
    _first_sight(app, record)
    _due(app, record, not app.slots.has(record.key), Priority.REFERENCE)


def leave(app: App, record: Record) -> None:
    """Its shard is another's from now on."""
    forget(app, record.key)
    _elsewhere(app, record)


def _due(app: App, record: Record, spreads: bool, otherwise: Priority) -> None:
    """When its visit is due; where all are seen at once, what is settled waits for its turn."""
    record.memory.renew()
    if spreads and _settled(record):
        app.queue.add_at(record.key, app.clock() + spread(record.uid, _pace(record).interval))
    else:
        app.queue.add(record.key, otherwise)


def _elsewhere(app: App, record: Record) -> None:
    """What another process found there is not begun here."""
    app.slots.hold(record.key, record.status.get("revision", {}).get("held"))


def gone(app: App, key: Key, uid: str) -> None:
    """The resource no longer exists: nothing of it is kept, its node is not touched."""
    record = app.store.get(key)
    if record is None or record.uid != uid:
        return
    app.store.drop(key)
    forget(app, key)
    if turn := app.looking.get(key):
        turn.cancel()  # it would hold its place for as long as the node hangs


def forget(app: App, key: Key) -> None:
    """Nothing is kept for a resource that is not there."""
    app.queue.forget(key)
    app.pool.forget(key)
    app.uses.pop(key, None)
    if app.slots.forget(key):
        app.wake(key[0])
    observer.forget(app, key)


def _first_sight(app: App, record: Record) -> None:
    """A node whose change was under way when the last process ended keeps its slot, and one that
    waited for a slot stands in line.
    """
    pace = _pace(record)
    record.memory.fresh_until = app.clock() + pace.interval + pace.stale_after
    if _reasons(record) & {Reason.DISRUPTING.value}:
        app.slots.keep(record.key)
    if _waited(record):
        app.slots.wait(record.key)
    if _seen(record):
        observer.saw(app, record.key)
    _recall(record)
    app.slots.hold(record.key, record.status.get("revision", {}).get("held"))


def _seen(record: Record) -> bool:
    """As far as the status tells: a loss of this node would be news."""
    return not record.spec.get("suspend") and _in_contact(record)


def _recall(record: Record) -> None:
    """When it was last seen and last Ready, where the status tells: a restart is no contact."""
    last = record.status.get("lastVisitTime")
    if last and _in_contact(record):
        record.memory.contact = unix(last)
    if last and Condition.READY.value in _good(record):
        record.memory.success = unix(last)


def _in_contact(record: Record) -> bool:
    return _good(record) >= {Condition.REACHABLE.value, Condition.PROBE_TRUSTED.value}


def _good(record: Record) -> set[str]:
    return {c["type"] for c in record.status.get("conditions", ()) if c["status"] == Verdict.TRUE}


def _settled(record: Record) -> bool:
    """Nothing happened to it while no operator watched, as far as the API knows."""
    same = record.status.get("observedGeneration") == record.generation
    going_on = {Reason.DISRUPTING.value, Reason.RECONCILING.value}
    wanted = record.deleting or requested(record) or asked(record)
    return same and not wanted and not _reasons(record) & going_on


def _reasons(record: Record) -> set[str]:
    return {condition["reason"] for condition in record.status.get("conditions", ())}


def _waited(record: Record) -> bool:
    waiting = Reason.WAITING_FOR_SLOT.value
    return any(aspect["reason"] == waiting for aspect in record.status.get("aspects", ()))


def _pace(record: Record) -> Pace:
    try:
        return pace_of(validate(record.spec))
    except KaituError:
        return UNREADABLE
