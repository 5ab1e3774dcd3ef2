"""Who hangs stands apart from the others of its namespace, until it is quick again."""

import asyncio

import pytest

from controller.toy import KEY, known, node, operator
from kaitu.controller import chores
from kaitu.controller.app import App
from kaitu.controller.arrivals import gone
from kaitu.engine.queue import Priority


@pytest.mark.parametrize(("seconds", "slow"), [(1, False), (60, True)])
def test_a_turn_that_takes_long_makes_a_node_slow(monkeypatch, seconds, slow):
    app, _ = operator(node())
    known(app).memory.slow = not slow
    now = iter((0.0, float(seconds)))
    app.clock = lambda: next(now)

    async def turn(app: App, key: tuple[str, str]) -> None:
        return None

    monkeypatch.setattr(chores, "reconcile", turn)
    asyncio.run(chores._turn(app, KEY))

    assert app._group(KEY) == ("default", slow)


def test_who_stops_begins_no_turn_any_more(monkeypatch):
    app, _ = operator(node())
    began = []

    async def turn(_: App, key: tuple[str, str]) -> None:
        began.append(key)
        app.stopping = True
        app.queue.add(KEY, Priority.URGENT)

    async def scenario() -> None:
        app.queue.add(KEY, Priority.URGENT)
        async with asyncio.timeout(5):
            await chores.serve(app)

    monkeypatch.setattr(chores, "reconcile", turn)
    asyncio.run(scenario())

    assert began == [KEY]
    assert app.queue.working == 0


def test_a_resource_that_goes_takes_its_visit_along(monkeypatch):
    app, _ = operator(node())
    hangs = asyncio.Event()

    async def turn(_: App, key: tuple[str, str]) -> None:
        hangs.set()
        await asyncio.sleep(3600)

    async def scenario() -> None:
        app.queue.add(KEY, Priority.URGENT)
        serving = asyncio.create_task(chores.serve(app))
        async with asyncio.timeout(5):
            await hangs.wait()
            gone(app, KEY, "u1")
            while app.queue.working:
                await asyncio.sleep(0.01)
        assert not serving.done()
        serving.cancel()

    monkeypatch.setattr(chores, "reconcile", turn)
    asyncio.run(scenario())

    assert not app.looking
    assert app.queue.depth == 0
