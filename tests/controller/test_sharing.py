"""What processes agree about the brake and about who leads, however their requests interleave."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from controller.toy import KEY, known, node, operator
from kaitu.cluster.errors import Conflict, Missing, Unavailable
from kaitu.cluster.slots import SharedSlots
from kaitu.cluster.tenure import shard_of
from kaitu.controller import chores, sharing
from kaitu.controller.app import App
from kaitu.controller.arrivals import seen
from kaitu.controller.fence import look_again
from kaitu.controller.prepare import identity
from kaitu.core.reasons import Reason
from kaitu.engine.queue import Priority

OTHER = ("default", "theirs")


class ToyMap:
    """An API server with one ConfigMap. ``before`` is what happens just before the next write."""

    def __init__(self, **data: str) -> None:
        self.body: dict[str, Any] = {"metadata": {"resourceVersion": "1"}, "data": data}
        self.before: list[Callable[[], None]] = []

    @property
    def data(self) -> dict[str, str]:
        found: dict[str, str] = self.body["data"]
        return found

    def change(self, **data: str) -> None:
        version = str(int(self.body["metadata"]["resourceVersion"]) + 1)
        self.body = {"metadata": {"resourceVersion": version}, "data": data}

    async def get(self, _: str) -> dict[str, Any]:
        return self.body

    async def update(self, _: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.before:
            self.before.pop(0)()
        if body["metadata"] != self.body["metadata"]:
            raise Conflict(409, "changed")
        self.change(**body["data"])
        return self.body


def one_of_two(**data: str) -> tuple[App, ToyMap]:
    """An operator that leads the shard of its node; the other shard is another's."""
    app, _ = operator(node())
    mine = shard_of("u1", 2)
    shards: Any = app.shards
    shards.count, shards.led = 2, {mine}
    shards.of = lambda uid: shard_of(uid, 2)
    app.writer.fences.clear()
    app.writer.fences[mine] = 1
    there = ToyMap(**data)
    api: Any = there
    app.shared = SharedSlots(api, "kaitu-system")
    return app, there


MINE = str(shard_of("u1", 2))
THEIRS = str(1 - shard_of("u1", 2))


def test_of_two_who_take_the_last_slot_at_the_same_time_one_waits() -> None:
    app, there = one_of_two()
    there.before = [lambda: there.change(**{THEIRS: "default/theirs"})]
    assert app.slots.take(KEY)

    problem = asyncio.run(sharing.confirm(app, known(app)))

    assert problem is not None
    assert problem.reason is Reason.WAITING_FOR_SLOT
    assert there.data == {THEIRS: "default/theirs"}
    assert not app.slots.has(KEY)


def test_a_slot_that_could_not_be_written_is_not_confirmed() -> None:
    app, there = one_of_two()
    assert app.slots.take(KEY)

    def unavailable() -> None:
        raise Unavailable(503, "no")

    there.before = [unavailable]
    problem = asyncio.run(sharing.confirm(app, known(app)))
    assert problem is not None
    assert problem.reason is Reason.WAITING_FOR_API

    there.change(**{THEIRS: "default/theirs"})
    asyncio.run(sharing._share(app))
    assert there.data == {THEIRS: "default/theirs"}
    problem = asyncio.run(sharing.confirm(app, known(app)))
    assert problem is not None
    assert problem.reason is Reason.WAITING_FOR_SLOT


def test_who_waits_is_woken_also_when_the_room_is_seen_by_the_way() -> None:
    app, there = one_of_two(**{THEIRS: "default/theirs else/x"})
    asyncio.run(sharing._share(app))
    app.slots.wait(("else", "waits"))
    there.change(**{THEIRS: "default/theirs"})

    asyncio.run(sharing.confirm(app, known(app)))

    assert app.queue.depth == 1


@pytest.mark.parametrize("found", ["in the store", "later"])
def test_an_entry_of_a_node_that_is_another_s_takes_no_slot_here(found: str) -> None:
    """Its namesake had another UID, or the number of shards was another one."""
    foreign = next(f"u{n}" for n in range(9) if str(shard_of(f"u{n}", 2)) == THEIRS)
    body = node(name="theirs", uid=foreign)
    app, there = one_of_two(**{MINE: "default/theirs"})
    app.writer.fences.clear()
    if found == "in the store":
        seen(app, "ADDED", body)
    asyncio.run(sharing.take(app))
    if found == "later":
        seen(app, "ADDED", body)
    asyncio.run(sharing._share(app))

    assert there.data == {}
    assert app.slots.take(KEY)


def test_a_node_that_vanished_makes_room_for_who_waits() -> None:
    app, there = one_of_two(**{MINE: "default/gone"})
    app.writer.fences.clear()
    asyncio.run(sharing.take(app))
    app.queue.forget(KEY)
    app.slots.wait(KEY)

    async def missing(_: str) -> None:
        raise Missing(404, "gone")

    api: Any = app.api
    api.get = missing
    asyncio.run(sharing._share(app))

    assert there.data == {}
    assert app.queue.depth == 1


def test_a_shard_that_was_lost_is_not_written_for() -> None:
    app, there = one_of_two(**{MINE: "default/theirs"})
    shards: Any = app.shards
    shards.led = set()

    asyncio.run(sharing._share(app))

    assert there.data == {MINE: "default/theirs"}


def test_a_visit_that_outlives_a_handover_leaves_nothing_behind() -> None:
    app, _ = one_of_two()

    async def use() -> None:
        app.queue.add(KEY, Priority.URGENT)
        assert await app.queue.get() == KEY
        app.slots.take(KEY)
        app.writer.fences.clear()
        await chores._serve(app, KEY)

    asyncio.run(use())
    assert not app.slots.taken
    assert app.queue.depth == 0
    assert identity(app, known(app)).counter == 0


def test_a_shard_that_was_left_meanwhile_gets_no_counter_back() -> None:
    app, _ = one_of_two()
    installation: Any = app.installation

    async def raised() -> int:
        app.writer.fences.clear()
        return 7

    installation.raise_fence = raised
    asyncio.run(look_again(app, known(app)))
    assert app.writer.fences == {}


def test_who_may_have_been_disrupted_is_visited_at_once_after_a_restart() -> None:
    """It was killed after the slot was written, and before its status said so."""
    settled = node()
    settled["status"] = {"observedGeneration": 1}
    app, _ = one_of_two(**{MINE: "default/n1"})
    app.store.drop(KEY)
    app.writer.fences.clear()
    asyncio.run(sharing.take(app))

    seen(app, None, settled)

    assert app.queue.depth == 1


def test_a_shard_is_left_with_its_slots_told_and_none_kept_here() -> None:
    app, there = one_of_two()
    shards: Any = app.shards
    left: list[int] = []

    async def give_up(shard: int) -> None:
        left.append(shard)
        shards.led = set()

    shards.give_up = give_up
    app.slots.keep(KEY)

    async def use() -> None:
        turn = app.looking[KEY] = asyncio.create_task(asyncio.sleep(60))
        await sharing._hand_over(app, int(MINE))
        await asyncio.wait([turn])
        assert turn.cancelled()
        await sharing._share(app)

    asyncio.run(use())
    assert left == [int(MINE)]
    assert not app.leaving
    assert not app.slots.taken
    assert there.data == {MINE: "default/n1"}
    assert not app.slots.take(OTHER)
