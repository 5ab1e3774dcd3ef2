"""No key is lost and no old verdict stays fresh, whatever the API server does with a write."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from controller.toy import KEY, known, node, operator
from kaitu.api.annotations import ACCEPT_HOST_KEY, REQUESTED_AT
from kaitu.cluster.errors import Conflict, Invalid, Unavailable
from kaitu.controller import reconcile as turns
from kaitu.controller.app import App
from kaitu.controller.arrivals import seen
from kaitu.controller.departure import AGAIN
from kaitu.controller.publish import publish
from kaitu.controller.reconcile import UNSAID, reconcile
from kaitu.controller.store import FINALIZER
from kaitu.engine.rest import keeps_slot
from kaitu.engine.schedule import Pace


def turn(app: App) -> float | None:
    return asyncio.run(reconcile(app, KEY))


def condition(app: App, kind: str) -> tuple[str, str]:
    found = next(c for c in known(app).status["conditions"] if c["type"] == kind)
    return found["status"], found["reason"]


def test_an_edit_that_our_own_write_met_is_visited():
    app, api = operator(node())
    api.refuses = [Conflict(409, "changed")]
    api.body = node("12", generation=2, spec={"suspend": True})

    assert asyncio.run(publish(app, known(app), {"observedGeneration": 1}))
    seen(app, "MODIFIED", node("12", generation=2, spec={"suspend": True}))

    assert known(app).generation == 2
    assert app.queue.depth == 1


def test_a_deletion_whose_finalizer_could_not_be_removed_is_tried_again():
    gone = node(
        finalizers=[FINALIZER], deletionTimestamp="2026-01-01T00:00:00Z", spec={"suspend": "x"}
    )
    app, api = operator(gone)
    known(app).memory.farewells = 9
    api.refuses = [Conflict(409, "changed")]

    assert turn(app) == AGAIN
    assert turn(app) is None
    assert api.body["metadata"]


@pytest.mark.parametrize("policy", ["Retain", "Release"])
def test_a_suspension_that_could_not_be_written_is_tried_again(policy):
    app, api = operator(node(spec={"suspend": True, "deletionPolicy": policy}))
    api.refuses = [Unavailable(503, "no")]

    assert turn(app) == UNSAID
    assert turn(app) is None
    assert condition(app, "Ready") == ("Unknown", "Suspended")


def test_a_verdict_that_the_api_refused_does_not_make_the_old_one_fresh():
    app, api = operator(node(spec={"interval": "never"}))
    before = known(app).memory.fresh_until
    api.refuses = [Invalid(422, "no")]

    again = turn(app)
    assert again is not None
    assert again <= UNSAID
    assert known(app).memory.fresh_until == before

    turn(app)
    assert known(app).memory.fresh_until > before
    assert condition(app, "Ready")[1] == "InvalidSpec"


@pytest.mark.parametrize(
    ("slow", "reachable", "trusted"),
    [
        ("prepare", ("Unknown", "ObserverDegraded"), ("Unknown", "Unobserved")),
        ("session", ("Unknown", "DialTimeout"), ("Unknown", "Unobserved")),
        ("_visit", ("True", "Connected"), ("Unknown", "VisitDeadline")),
    ],
)
def test_a_deadline_says_no_more_than_was_seen(monkeypatch, slow, reachable, trusted):
    app, _ = operator(node())

    async def hangs(*_: Any) -> None:
        await asyncio.sleep(60)

    async def works(*_: Any) -> Any:
        return SimpleNamespace(target=None, reused=False)

    for name in ("prepare", "session", "_visit"):
        monkeypatch.setattr(turns, name, hangs if name == slow else works)
    monkeypatch.setattr(turns, "pace_of", lambda _: Pace(60, 0.01, 1))

    turn(app)

    assert condition(app, "Reachable") == reachable
    assert condition(app, "ProbeTrusted") == trusted


@pytest.mark.parametrize("name", [REQUESTED_AT, ACCEPT_HOST_KEY])
def test_a_request_made_while_no_operator_watched_is_not_put_off(name):
    asked = node(annotations={name: "now"})
    asked["status"] = {"observedGeneration": 1}
    app, _ = operator(node("9"))
    app.store.drop(KEY)

    seen(app, None, asked)

    assert app.queue.depth == 1


@pytest.mark.parametrize(
    ("disturbed", "unsettled", "ours", "had", "keeps"),
    [
        (True, True, True, False, True),  # a job that nobody here knows to have started
        (True, False, True, False, True),  # swapped, and neither verified nor held
        (True, False, False, False, False),  # what another owner left is not ours to wait for
        (False, True, True, True, True),
        (False, True, True, False, False),  # a pull has no slot
        (False, False, True, True, False),
    ],
)
def test_a_slot_is_kept_by_what_is_seen_on_the_node(disturbed, unsettled, ours, had, keeps):
    app, _ = operator(node())
    if had:
        app.slots.take(KEY)
    visit: Any = SimpleNamespace(
        disturbed=disturbed, unsettled=unsettled, held=lambda _: None, outcomes={}
    )

    disrupting = keeps_slot(app.slots, KEY, visit, ours=ours)
    turns._rest(app, known(app), visit, disrupting=disrupting, said=False)

    assert disrupting is keeps
    assert app.slots.has(KEY) is keeps


@pytest.mark.parametrize(
    ("shards", "said", "keeps"), [(1, False, False), (2, True, False), (2, False, True)]
)
def test_a_node_keeps_its_slot_until_other_processes_can_know_what_is_held(shards, said, keeps):
    app, _ = operator(node())
    count: Any = app.shards
    count.count = shards
    app.slots.take(KEY)
    visit: Any = SimpleNamespace(held=lambda _: "r1", outcomes={})

    turns._rest(app, known(app), visit, disrupting=False, said=said)

    assert app.slots.has(KEY) is keeps
