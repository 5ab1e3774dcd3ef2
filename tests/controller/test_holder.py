"""A node that was lost in the middle of a change: who sees that it holds a slot, and the ways out.

docs/operations.md, "When a node does not give its slot back", says what is tried here.
"""

import asyncio
from typing import Any

import pytest
from prometheus_client import generate_latest

from controller.toy import KEY, known, node, operator
from kaitu.controller import reconcile as turns
from kaitu.controller.app import App
from kaitu.controller.arrivals import gone, seen
from kaitu.controller.departure import ATTEMPTS
from kaitu.controller.publish import announcement
from kaitu.controller.reconcile import reconcile
from kaitu.controller.store import FINALIZER
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason

NEXT = ("default", "n2")
SHOWN = 'kaitu_slot_holder{namespace="default",node="n1"} 1.0'
DELETED = "2026-01-01T00:00:00Z"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """n1 was lost after it had announced a change; n2 waits for the only slot."""

    async def fails(*_: Any) -> None:
        raise KaituError(Reason.DIAL_TIMEOUT, "")

    monkeypatch.setattr(turns, "prepare", fails)
    app, _ = operator(node())
    app.metrics.expose(app)
    seen(app, "ADDED", node(name="n2", uid="u2"))
    app.slots.take(KEY)
    asyncio.run(announcement(app, known(app), "deploy release 2"))
    asyncio.run(reconcile(app, KEY))
    app.slots.take(NEXT)
    app.queue.forget(NEXT)
    return app


def holders(app: App) -> str:
    return generate_latest(app.metrics.registry).decode()


def edit(app: App, version: str, **change: Any) -> None:
    seen(app, "MODIFIED", {**node(version, **change), "status": known(app).status})


def test_a_lost_node_keeps_its_slot_and_is_named_also_after_a_restart(app):
    again, _ = operator({**node("20"), "status": known(app).status})

    assert SHOWN in holders(app)
    assert app.slots.has(KEY)
    assert again.slots.has(KEY)


def test_a_suspension_frees_nothing(app):
    edit(app, "20", generation=2, spec={"suspend": True})

    asyncio.run(reconcile(app, KEY))

    assert SHOWN in holders(app)
    assert app.queue.depth == 1  # the edit itself; nobody was woken


def test_a_deletion_frees_the_slot_and_wakes_who_waits(app):
    gone(app, KEY, "u1")

    assert "kaitu_slot_holder{" not in holders(app)
    assert app.slots.next("default") == [NEXT]
    assert asyncio.run(app.queue.get()) == NEXT


def test_a_deletion_that_should_release_an_unreachable_node_comes_to_its_end(app):
    spec = {"deletionPolicy": "Release"}
    edit(app, "20", spec=spec, finalizers=[FINALIZER], deletionTimestamp=DELETED)

    delays = [asyncio.run(reconcile(app, KEY)) for _ in range(ATTEMPTS)]

    assert (delays.count(None), delays[-1]) == (1, None)  # its finalizer went at the fifth
