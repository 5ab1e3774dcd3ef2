"""A watch that has died in silence is found out by what it should have told, and only by that."""

import asyncio
from typing import Any

import pytest

from controller.toy import KEY, ToyApi, node, operator
from kaitu.cluster.api import Named
from kaitu.controller import chores, health
from kaitu.controller.app import App
from kaitu.controller.arrivals import seen
from kaitu.controller.health import MOST_BEHIND, Health

OTHER = ("default", "n2")


def look(app: App, now: float, **versions: str) -> None:
    listed = {("default", name): Named("u", version) for name, version in versions.items()}
    app.watched.compare(app.store, listed, now)


@pytest.fixture
def app() -> App:
    """It knows n1 in state 10."""
    return operator(node("10"))[0]


def test_what_was_told_of_is_not_owed(app):
    look(app, 100, n1="10")
    look(app, 900, n1="9")  # the list may be older than the watch

    assert app.behind() == 0
    assert not app.watched.owes(app.store)


def test_the_debt_counts_from_the_look_that_found_it(app):
    look(app, 100, n1="11")
    assert app.watched.owes(app.store)
    look(app, 160, n1="12")  # a newer edit does not begin the count anew
    look(app, 200, n1="12")

    assert app.behind() == 100


def test_a_node_that_nobody_told_of_is_owed_too(app):
    look(app, 100, n1="10", n2="11")
    look(app, 130, n1="10", n2="11")

    assert app.behind() == 30


def test_the_debt_ends_when_the_watch_tells(app):
    look(app, 100, n1="11")
    look(app, 130, n1="11")
    seen(app, "MODIFIED", node("11"))

    assert app.behind() == 0


def test_a_debt_that_was_paid_and_made_again_counts_anew(app):
    look(app, 100, n1="11")
    seen(app, "MODIFIED", node("11"))
    look(app, 500, n1="12")

    assert app.behind() == 0
    assert app.watched.owes(app.store)


def test_while_the_server_cannot_be_asked_nobody_accuses_the_watch(app):
    look(app, 100, n1="11")
    app.clock = lambda: 100_000.0

    assert app.behind() == 0


def test_an_event_moves_the_time_of_the_last_one(app, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 5_000_000_000.0)
    seen(app, "MODIFIED", node("11"))

    assert app.figures()["kaitu_kube_watch_last_event_timestamp_seconds"] == 5_000_000_000.0


@pytest.mark.parametrize(
    ("seconds", "healthy"), [(MOST_BEHIND - 1, True), (MOST_BEHIND + 1, False)]
)
def test_health_fails_when_the_watch_owes_for_too_long(app, monkeypatch, seconds, healthy):
    monkeypatch.setattr(health, "_watching", lambda: True)
    judge = Health()
    judge.watch(app)
    look(app, 100, n1="11")
    look(app, 100 + seconds, n1="11")

    assert (judge.wrong() == "") is healthy
    assert (judge.not_ready() == "") is healthy


def test_health_fails_when_the_loop_hung_or_the_watcher_ended(app, monkeypatch):
    judge = Health()
    assert (judge.wrong(), judge.not_ready()) == ("", "")  # standby
    judge.watch(app)
    monkeypatch.setattr(health, "_watching", lambda: True)
    assert judge.wrong() == ""
    monkeypatch.setattr(health, "_watching", lambda: False)
    assert (judge.wrong(), judge.not_ready()) == ("the watch of KaituNodes has ended",) * 2
    app.stopping = True
    assert judge.wrong() == ""

    monkeypatch.setattr(health, "_watching", lambda: True)
    app.clock, app.beat = lambda: 100.0, 95.0
    assert judge.wrong() == ""
    app.beat = 80.0
    assert judge.wrong() == "the event loop hangs"


def test_a_watch_that_has_not_begun_is_not_called_ended(app):
    """As while the API server is away just after the lease was taken."""

    async def ask() -> list[str]:
        judge = Health()
        judge.watch(app)
        said = [judge.wrong()]
        name = "watcher for kaitunodes.v1alpha1.fleet.kaitu.io@None"
        watcher = asyncio.create_task(asyncio.sleep(60), name=name)
        said.append(judge.wrong())
        watcher.cancel()
        await asyncio.wait([watcher])
        return [*said, judge.wrong()]

    assert asyncio.run(ask()) == ["", "", "the watch of KaituNodes has ended"]


def test_while_something_is_owed_the_next_look_comes_soon(app, monkeypatch):
    """The chore lists; n2 stays unknown, so that it looks again after LOOK_AGAIN."""
    looks: list[int] = []

    async def names(*_: Any) -> dict[tuple[str, str], Named]:
        looks.append(len(looks))
        if len(looks) == 3:
            raise KeyboardInterrupt
        return {KEY: Named("u1", "10"), OTHER: Named("u2", "11")}

    monkeypatch.setattr(ToyApi, "list_names", names, raising=False)
    monkeypatch.setattr(chores, "SWEEP_EVERY", 0.01)
    monkeypatch.setattr(chores, "LOOK_AGAIN", 0.05)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(chores.sweep(app, asyncio.Event()))

    assert app.watched.owes(app.store)


def test_a_list_is_compared_when_all_of_it_was_taken_in(app, monkeypatch):
    """Each of its items sets the event: to list again for each would take minutes."""
    looks: list[int] = []

    async def names(*_: Any) -> dict[tuple[str, str], Named]:
        looks.append(1)
        return {KEY: Named("u1", "10")}

    async def ask() -> tuple[int, int]:
        relisted = asyncio.Event()
        chore = asyncio.create_task(chores.sweep(app, relisted))
        for _ in range(50):
            relisted.set()
            await asyncio.sleep(0)
        meanwhile = len(looks)
        for _ in range(50):
            await asyncio.sleep(0)
        chore.cancel()
        return meanwhile, len(looks)

    monkeypatch.setattr(ToyApi, "list_names", names, raising=False)
    monkeypatch.setattr(chores, "SETTLED", 0)

    assert asyncio.run(ask()) == (0, 1)
