import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.engine.queue import Priority, Queue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def drain(queue: Queue[str]) -> list[str]:
    """Everything that can be had without waiting."""

    async def take() -> list[str]:
        taken = []
        while queue.depth:
            key = await queue.get()
            taken.append(key)
            queue.done(key)
        return taken

    return asyncio.run(take())


def test_urgent_goes_first_and_a_key_waits_only_once(clock):
    queue: Queue[str] = Queue(clock)
    queue.add("slow", Priority.PERIODIC)
    queue.add("edit", Priority.PERIODIC)
    queue.add("edit", Priority.URGENT)
    queue.add("edit", Priority.PERIODIC)

    assert drain(queue) == ["edit", "slow"]


def test_a_key_added_during_its_work_comes_back_afterwards_and_is_never_worked_on_twice(clock):
    async def scenario() -> tuple[bool, int, int, str]:
        queue: Queue[str] = Queue(clock)
        queue.add("a", Priority.URGENT)
        key = await queue.get()
        queue.add("a", Priority.URGENT)
        depth, pending = queue.depth, queue.pending("a")
        queue.done(key)
        return pending, depth, queue.depth, await queue.get()

    assert asyncio.run(scenario()) == (True, 0, 1, "a")


def test_a_due_key_is_released_by_the_clock_and_an_earlier_add_replaces_it(clock):
    async def scenario() -> list[str]:
        queue: Queue[str] = Queue(clock)
        queue.add_at("later", 10)
        queue.add_at("sooner", 5)
        queue.add_at("sooner", 6)
        queue.add("later", Priority.URGENT)
        first = await queue.get()
        clock.now = 20
        second = await queue.get()
        return [first, second, str(queue.depth)]

    assert asyncio.run(scenario()) == ["later", "sooner", "0"]


def test_a_sleeping_worker_wakes_when_something_is_added():
    async def scenario() -> str:
        loop = asyncio.get_running_loop()
        queue: Queue[str] = Queue(loop.time)
        queue.add_at("never", loop.time() + 3600)
        worker = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add("now", Priority.PERIODIC)
        async with asyncio.timeout(5):
            return await worker

    assert asyncio.run(scenario()) == "now"


def test_a_forgotten_key_does_not_come_back(clock):
    queue: Queue[str] = Queue(clock)
    queue.add("a", Priority.URGENT)
    queue.add_at("a", 0)
    queue.forget("a")

    assert drain(queue) == []


def taken(queue: Queue[str], count: int) -> list[str]:
    """The next keys, all in work at the same time."""

    async def take() -> list[str]:
        return [await queue.get() for _ in range(count)]

    return asyncio.run(take())


def grouped(clock: Clock, most: int, *keys: str) -> Queue[str]:
    """A key's group is its first letter."""
    queue: Queue[str] = Queue(clock, lambda key: key[0], most)
    for key in keys:
        queue.add(key, Priority.PERIODIC)
    return queue


def test_groups_take_turns(clock):
    queue = grouped(clock, 100, "a1", "a2", "a3", "b1", "b2", "c1")

    assert drain(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_group_that_hangs_in_all_its_places_leaves_some_to_the_others(clock):
    queue = grouped(clock, 8, *(f"a{n}" for n in range(100)))
    assert taken(queue, 4) == ["a0", "a1", "a2", "a3"]

    for key in ("b1", "b2", "b3", "c1"):
        queue.add(key, Priority.PERIODIC)

    assert taken(queue, 3) == ["b1", "c1", "b2"]
    assert queue.working == 7


def test_a_place_that_is_given_back_is_given_again(clock):
    async def scenario() -> str:
        queue = grouped(clock, 2, "a1", "a2")
        first = await queue.get()
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        assert not waiting.done()
        queue.done(first)
        async with asyncio.timeout(5):
            return await waiting

    assert asyncio.run(scenario()) == "a2"


def test_an_edit_of_a_group_with_many_goes_before_its_routine(clock):
    queue = grouped(clock, 8, *(f"a{n}" for n in range(100)))
    queue.add("a99", Priority.URGENT)

    assert taken(queue, 1) == ["a99"]


def test_due_times_that_were_replaced_do_not_pile_up(clock):
    queue: Queue[str] = Queue(clock)
    for time in range(10_000):
        queue.add_at("a", 10_000 - time)

    assert len(queue._heap) < 2_000


KEYS = st.sampled_from("abc")
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("add"), KEYS, st.sampled_from(Priority)),
        st.tuples(st.just("at"), KEYS, st.floats(0, 10)),
        st.tuples(st.just("forget"), KEYS),
    ),
    max_size=30,
)


@given(moves=MOVES)
def test_nothing_that_was_added_is_lost_and_nothing_is_given_out_twice(moves):
    clock = Clock()
    queue: Queue[str] = Queue(clock)
    wanted: set[str] = set()
    for move, key, *rest in moves:
        if move == "forget":
            queue.forget(key)
            wanted.discard(key)
        else:
            (queue.add if move == "add" else queue.add_at)(key, *rest)
            wanted.add(key)
    clock.now = 11
    queue._release_due()

    assert sorted(drain(queue)) == sorted(wanted)
