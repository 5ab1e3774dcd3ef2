"""A kept way over jumps: ended when any of it is in doubt, made anew when any of it broke."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from kaitu.core.errors import KaituError
from kaitu.remote.pool import Pool
from kaitu.remote.ssh import Patience, connect
from remote.asks import probe
from remote.servers import OTHER_KEY, allow, private, run, sshd
from remote.ways import ended, hops, through

KEPT = "edge/node-1"


@pytest.mark.parametrize(
    "change",
    [{"user": "ubuntu"}, {"private_key": private(OTHER_KEY)}, {"host": "localhost"}],
    ids=["user", "key", "host"],
)
def test_another_jump_ends_what_is_kept(change: dict[str, Any]) -> None:
    async def test() -> None:
        async with hops() as way:
            pool, to = Pool(), through(*way)
            kept = await pool.session(KEPT, to, allow)
            assert await pool.session(KEPT, to, allow) is kept
            one, two = to.jumps
            with suppress(KaituError):
                await pool.session(KEPT, replace(to, jumps=(one, replace(two, **change))), allow)
            assert not kept.alive
            pool.close_all()

    run(test())


def test_a_policy_that_denies_a_jump_ends_what_is_kept() -> None:
    async def test() -> None:
        async with hops() as way:
            pool, to = Pool(), through(*way)
            kept = await pool.session(KEPT, to, allow)
            with pytest.raises(KaituError):
                await pool.session(KEPT, to, lambda _: "hosts.allow")
            await ended(*way)
            assert not kept.alive

    run(test())


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_kept_way_that_broke_anywhere_is_made_anew_by_the_next_probe(which: int) -> None:
    async def test() -> None:
        async with hops() as way:
            pool, to = Pool(), through(*way)
            await probe(await pool.session(KEPT, to, allow))
            kept = await pool.session(KEPT, to, allow)
            way[which].links[0].abort()
            port = way[2].port
            _, dialled = await asyncio.gather(probe(kept), kept.dial((port,)))  # as a visit does
            assert dialled == {port: "open"}
            assert [seen.logins for seen in way] == [2, 2, 2]
            pool.close_all()
            await ended(*way)

    run(test())


def test_ports_are_dialled_from_the_last_jump() -> None:
    async def test() -> None:
        async with hops() as way, sshd() as gone:
            pass
        async with hops() as (one, two, last):
            connection = await connect(through(one, two, last), allow)
            found = await connection.dial((last.port, gone.port))
            assert found[last.port] == "open"
            assert found[gone.port] != "open"
            assert ("127.0.0.1", gone.port) in two.forwards
            await probe(connection)
            connection.close()
            await ended(one, two, last)
        assert way

    run(test())


@pytest.mark.parametrize("hosts", [1, 2, 4])
def test_all_on_the_way_share_the_time_of_a_visit(hosts: int) -> None:
    patience = Patience.within(60, hosts)

    assert patience.dial is not None
    assert hosts * (patience.dial + patience.banner + patience.login) <= 0.75 * 60
