"""One connection per node: kept while it may be trusted, ended when that is in doubt."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.remote.pool import Pool
from remote.asks import probe
from remote.servers import (
    HOST_KEY,
    OTHER_KEY,
    USER_KEY,
    Process,
    Seen,
    allow,
    honest,
    private,
    public,
    run,
    sshd,
    target,
)

NODE = "edge/node-1"


@asynccontextmanager
async def pooled(longest: float = 3600) -> AsyncIterator[tuple[Pool, Seen]]:
    async with sshd(honest) as seen:
        pool = Pool(longest)
        yield pool, seen
        pool.close_all()


async def settled(seen: Seen, count: int) -> None:
    """The server comes to see this many open connections."""
    async with asyncio.timeout(5):
        while seen.open != count:
            await asyncio.sleep(0.01)


def test_a_connection_is_kept() -> None:
    async def test() -> None:
        async with pooled() as (pool, seen):
            assert pool.describe(NODE) == {}
            first = await pool.session(NODE, target(seen.port), allow)
            again = await pool.session(NODE, target(seen.port), allow)
            assert again is first
            assert seen.connections == len(pool) == 1
            assert pool.describe(NODE) == {
                "hostKeyFingerprint": HOST_KEY.get_fingerprint(),
                "address": "127.0.0.1",
            }

    run(test())


@pytest.mark.parametrize(
    "change",
    [
        {"user": "ubuntu"},
        {"host": "localhost"},
        {"host_keys": (public(HOST_KEY), public(OTHER_KEY))},
        {"private_key": Secret(private(USER_KEY).reveal() + "\n")},
    ],
    ids=["user", "host", "keys", "key"],
)
def test_another_target_ends_it(change: dict[str, object]) -> None:
    async def test() -> None:
        async with pooled() as (pool, seen):
            first = await pool.session(NODE, target(seen.port), allow)
            other = await pool.session(NODE, target(seen.port, **change), allow)
            assert other is not first
            await settled(seen, 1)
            assert not first.alive

    run(test())


def test_a_person_gets_a_fresh_one() -> None:
    async def test() -> None:
        async with pooled() as (pool, seen):
            first = await pool.session(NODE, target(seen.port), allow)
            assert await pool.session(NODE, target(seen.port), allow, fresh=True) is not first
            await settled(seen, 1)

    run(test())


def test_a_policy_that_now_denies_the_address_ends_it() -> None:
    async def test() -> None:
        async with pooled() as (pool, seen):
            await pool.session(NODE, target(seen.port), allow)
            with pytest.raises(KaituError) as caught:
                await pool.session(NODE, target(seen.port), lambda _: "hosts.deny 127.0.0.0/8")
            assert caught.value.reason is Reason.HOST_DENIED
            await settled(seen, 0)

    run(test())


def test_one_that_broke_while_idle_is_made_anew() -> None:
    async def test() -> None:
        async with pooled() as (pool, seen):
            first = await pool.session(NODE, target(seen.port), allow)
            seen.links[0].abort()
            async with asyncio.timeout(5):
                while first.alive:
                    await asyncio.sleep(0.01)
            assert await probe(await pool.session(NODE, target(seen.port), allow))
            assert len(pool) == 1

    run(test())


def test_none_lives_longer_than_allowed() -> None:
    """Nor one that nobody asks for any more."""

    async def test() -> None:
        async with pooled(longest=0.1) as (pool, seen):
            await pool.session(NODE, target(seen.port), allow)
            await settled(seen, 0)
            assert len(pool) == 0

    run(test())


def test_a_command_in_hand_is_left_to_finish() -> None:
    go = asyncio.Event()

    async def slow(process: Process) -> None:
        await go.wait()
        await honest(process)

    async def test() -> None:
        async with sshd(slow) as seen:
            pool = Pool(longest=0.05)
            link = await pool.session(NODE, target(seen.port), allow)
            asking = asyncio.create_task(probe(link))
            asyncio.get_running_loop().call_later(0.2, go.set)
            assert await asking
            assert await pool.session(NODE, target(seen.port), allow) is not link
            pool.close_all()

    run(test())


def test_beyond_a_visit_no_more_are_kept_than_may_be() -> None:
    async def test() -> None:
        async with sshd(honest) as seen:
            pool = Pool(most=2)
            for number in range(4):
                await pool.session(number, target(seen.port), allow)
                pool.rest(number)
            await settled(seen, 2)
            assert [number for number in range(4) if pool.describe(number)] == [0, 1]
            pool.close_all()
            await settled(seen, 0)

    run(test())


def test_two_that_ask_at_once_leave_one() -> None:
    async def test() -> None:
        async with pooled() as (pool, seen):
            ask = [pool.session(NODE, target(seen.port), allow) for _ in range(2)]
            await asyncio.gather(*ask)
            await settled(seen, 1)
            assert len(pool) == 1

    run(test())


def test_when_it_is_closed_nothing_stays_open() -> None:
    async def test() -> None:
        async with pooled() as (pool, seen):
            await pool.session(NODE, target(seen.port), allow)
            late = asyncio.create_task(pool.session("edge/node-2", target(seen.port), allow))
            async with asyncio.timeout(5):
                while seen.connections < 2:
                    await asyncio.sleep(0.001)
            pool.close_all()
            with pytest.raises(KaituError) as caught:
                await late
            assert caught.value.reason is Reason.CONNECTION_LOST
            await settled(seen, 0)

    run(test())
