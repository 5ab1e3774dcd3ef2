"""A free slot goes to who waits longest for it, and no more nodes are woken than can go."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from controller.toy import known, node, operator
from kaitu.controller import reconcile as turns
from kaitu.controller.app import App
from kaitu.controller.arrivals import gone, seen
from kaitu.controller.reconcile import reconcile
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason

HOLDER, *WAITING = (("default", f"n{n}") for n in (1, 4, 2, 3))


def waiting() -> App:
    """n1 has the only slot; n4, n2 and n3 were refused one, in this order."""
    app, _ = operator(node())
    for _, name in WAITING:
        seen(app, "ADDED", node(name=name, uid=name))
    app.slots.take(HOLDER)
    for key in WAITING:
        app.slots.take(key)
        app.queue.forget(key)
    return app


def woken(app: App) -> list[tuple[str, str]]:
    return [asyncio.run(app.queue.get()) for _ in range(app.queue.depth)]


def rest(app: App, name: str, *reasons: Reason) -> None:
    """A visit that found the node at rest."""
    outcomes = {str(n): SimpleNamespace(reason=reason) for n, reason in enumerate(reasons)}
    visit: Any = SimpleNamespace(held=lambda _: None, outcomes=outcomes)
    record = app.store.get(("default", name))
    assert record is not None
    turns._rest(app, record, visit, disrupting=False, said=True)


def test_a_node_at_rest_wakes_the_one_that_waits_longest_and_no_other():
    app = waiting()

    rest(app, "n1", Reason.APPLIED)

    assert woken(app) == [("default", "n4")]


def test_a_deleted_node_wakes_the_next():
    app = waiting()

    gone(app, HOLDER, "u1")

    assert woken(app) == [("default", "n4")]


def test_a_place_in_line_is_kept_by_who_still_waits_and_given_up_by_who_does_not():
    app = waiting()
    rest(app, "n4", Reason.WAITING_FOR_SLOT)
    assert woken(app) == []

    app.slots.free(HOLDER)
    rest(app, "n4", Reason.IN_SYNC)

    assert woken(app) == [("default", "n2")]


@pytest.mark.parametrize("way", ["lost", "suspended", "deleted"])
def test_who_cannot_use_the_free_slot_lets_the_next_one_go(monkeypatch, way):
    async def fails(*_: Any) -> None:
        raise KaituError(Reason.DIAL_TIMEOUT, "")

    monkeypatch.setattr(turns, "prepare", fails)
    app = waiting()
    app.slots.free(HOLDER)

    if way == "deleted":
        gone(app, WAITING[0], "n4")
    else:
        spec = {"suspend": way == "suspended"}
        seen(app, "MODIFIED", node("11", name="n4", uid="n4", generation=2, spec=spec))
        app.queue.forget(WAITING[0])
        asyncio.run(reconcile(app, WAITING[0]))

    assert woken(app) == [("default", "n2")]


def test_who_waited_when_the_last_process_ended_stands_in_line():
    waited = node()
    waited["status"] = {"aspects": [{"name": "compose", "reason": "WaitingForSlot"}]}
    app, _ = operator(waited)

    assert app.slots.next("default") == [known(app).key]
