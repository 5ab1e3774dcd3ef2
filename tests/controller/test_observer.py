"""The freeze of a fleet, from failed visits to the log and the figures."""

import asyncio
import logging
from typing import Any

import pytest

from controller.toy import node, operator
from kaitu.controller import reconcile as turns
from kaitu.controller.app import App
from kaitu.controller.arrivals import gone, seen
from kaitu.controller.prepare import orders
from kaitu.controller.reconcile import reconcile
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason

GOOD = [
    {
        "type": kind,
        "status": "True",
        "reason": "Connected",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    for kind in ("Reachable", "ProbeTrusted")
]


def known(name: str, uid: str, **spec: Any) -> dict[str, Any]:
    return {**node(name=name, uid=uid, spec=spec), "status": {"conditions": GOOD}}


def fleet(size: int) -> App:
    """An operator that has just begun; as far as the API knows, all nodes are well."""
    app, _ = operator(known("n0", "u0"))
    for n in range(1, size):
        seen(app, None, known(f"n{n}", f"u{n}"))
    return app


def lose(app: App, monkeypatch: pytest.MonkeyPatch, reason: Reason, count: int) -> None:
    async def fails(*_: Any) -> None:
        raise KaituError(reason, "")

    monkeypatch.setattr(turns, "prepare", fails)
    for n in range(count):
        asyncio.run(reconcile(app, ("default", f"n{n}")))


def frozen(app: App) -> bool:
    record = app.store.get(("default", "n9"))
    assert record is not None
    prepared: Any = type("Prepared", (), {"spec": type("Spec", (), {"adopt": False})})
    said = orders(app, record, prepared, None, lambda: 60.0).frozen()
    assert app.figures()["kaitu_fleet_frozen"] == said
    return said


@pytest.mark.parametrize("reason", [Reason.DIAL_TIMEOUT, Reason.PROBE_REJECTED, Reason.DNS_ERROR])
def test_it_is_said_once_that_many_were_lost_and_once_that_it_is_over(monkeypatch, caplog, reason):
    caplog.set_level(logging.INFO, "kaitu")
    app = fleet(10)
    assert not frozen(app)

    lose(app, monkeypatch, reason, 8)
    assert frozen(app)
    for n in range(6):
        gone(app, ("default", f"n{n}"), f"u{n}")

    assert not frozen(app)
    said = [record.levelname for record in caplog.records if "frozen" in record.message.lower()]
    assert said == ["ERROR", "WARNING"]


def test_a_bad_spec_says_nothing_of_the_observer(monkeypatch):
    app = fleet(10)

    lose(app, monkeypatch, Reason.INVALID_SPEC, 8)

    assert not frozen(app)


@pytest.mark.parametrize("change", [{"suspend": True}, {}, {"suspend": True, "interval": "x"}])
def test_nodes_that_are_not_visited_do_not_count(monkeypatch, change):
    app = fleet(10)
    lose(app, monkeypatch, Reason.DIAL_TIMEOUT, 3)
    assert frozen(app)

    left = known("n0", "u0", **change)
    left["metadata"] |= {"generation": 2, "resourceVersion": "99"}
    if not change:
        left["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    seen(app, "MODIFIED", left)
    asyncio.run(reconcile(app, ("default", "n0")))

    assert not frozen(app)


def test_who_was_suspended_before_the_operator_began_is_not_of_the_fleet(monkeypatch):
    app = fleet(10)
    for n in range(10, 30):
        seen(app, None, known(f"n{n}", f"u{n}", suspend=True))

    lose(app, monkeypatch, Reason.DIAL_TIMEOUT, 3)

    assert frozen(app)
