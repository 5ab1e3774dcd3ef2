"""A kept connection may have died without our notice: once, that costs a visit nothing."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote.connection import Connection
from kaitu.remote.pool import Pool
from remote.asks import probe, write
from remote.servers import Process, Seen, allow, honest, run, sshd, target

NODE = "edge/node-1"


@asynccontextmanager
async def visited(deaths: int) -> AsyncIterator[tuple[Pool, Seen, Connection]]:
    """An emulator with which a visit went well; it then hangs up on so many commands."""
    fates = iter([False] + [True] * deaths)

    async def behave(process: Process) -> None:
        if next(fates, False):
            process.get_extra_info("connection").abort()
        else:
            await honest(process)

    async with sshd(behave) as server:
        pool = Pool()
        await probe(await pool.session(NODE, target(server.port), allow))
        yield pool, server, await pool.session(NODE, target(server.port), allow)
        pool.close_all()


async def lost(work: Any) -> Reason:
    with pytest.raises(KaituError) as caught:
        await work
    return caught.value.reason


def test_the_first_probe_of_a_visit_logs_in_anew() -> None:
    async def test() -> None:
        async with visited(deaths=1) as (pool, server, kept):
            assert await probe(kept)
            assert kept.alive
            assert await pool.session(NODE, target(server.port), allow) is kept
            assert server.connections == 2

    run(test())


def test_a_death_just_before_the_request_is_no_other() -> None:
    async def test() -> None:
        async with visited(deaths=0) as (_, server, kept):
            server.links[0].abort()
            assert await probe(kept)
            assert kept.alive

    run(test())


def test_it_does_so_once() -> None:
    async def test() -> None:
        async with visited(deaths=2) as (_, server, kept):
            assert await lost(probe(kept)) is Reason.CONNECTION_LOST
            assert not kept.alive
            assert server.connections == 2

    run(test())


def test_a_later_probe_of_the_visit_is_lost() -> None:
    async def test() -> None:
        async with visited(deaths=0) as (_, server, kept):
            await probe(kept)
            server.links[0].abort()
            assert await lost(probe(kept)) is Reason.CONNECTION_LOST
            assert server.connections == 1

    run(test())


def test_it_is_known_whether_the_node_was_heard_in_this_visit() -> None:
    async def test() -> None:
        async with visited(deaths=0) as (_, _, kept):
            assert kept.reused
            await probe(kept)
            assert not kept.reused

    run(test())


def test_a_write_is_never_sent_again() -> None:
    async def test() -> None:
        async with visited(deaths=1) as (_, server, kept):
            assert await lost(write(kept)) is Reason.OUTCOME_UNKNOWN
            assert server.connections == 1

    run(test())


def test_what_was_forgotten_meanwhile_is_not_kept_open() -> None:
    async def test() -> None:
        async with visited(deaths=1) as (pool, server, kept):
            probing = asyncio.create_task(lost(probe(kept)))
            async with asyncio.timeout(5):
                while server.logins < 2:
                    await asyncio.sleep(0)
            pool.forget(NODE)
            assert await probing is Reason.CONNECTION_LOST
            async with asyncio.timeout(5):
                while server.open:
                    await asyncio.sleep(0.01)

    run(test())


NAMELESS = """
import pwd

def getpwuid(uid):
    raise KeyError(uid)

pwd.getpwuid = getpwuid
from remote.servers import target
from kaitu.remote.ssh import options
print(options(target(22)).username)
"""


def test_our_uid_needs_no_name_and_no_home() -> None:
    """As in a pod that runs as 65532: asyncssh asks for both, and fails without."""
    path = os.pathsep.join(path for path in sys.path if path)
    argv = [sys.executable, "-c", NAMELESS]
    done = subprocess.run(
        argv, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("root\n", "")
