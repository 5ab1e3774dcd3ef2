"""Over jumps: each is verified and named, what is dialled is allowed, and all end together."""

import asyncio
from dataclasses import replace

import pytest

from kaitu.core.reasons import Reason
from kaitu.remote.connection import Connection
from kaitu.remote.ssh import Patience, connect
from remote.asks import probe
from remote.servers import HOST_KEY, OTHER_KEY, allow, private, public, run, sshd, target, tcp
from remote.ways import Ways, ended, fails, hops, through


async def used(connection: Connection, way: Ways) -> None:
    """It works, and each host on the way was entered once."""
    await probe(connection)
    assert [seen.logins for seen in way] == [1, 1, 1]
    one, two, last = way
    assert one.forwards == [("127.0.0.1", two.port)]
    assert two.forwards == [("127.0.0.1", last.port)]


@pytest.mark.parametrize("end", ["close", "abort"])
def test_a_node_behind_two_jumps_and_all_end_with_it(end: str) -> None:
    async def test() -> None:
        async with hops() as way:
            connection = await connect(through(*way), allow)
            await used(connection, way)
            assert connection.fingerprint == HOST_KEY.get_fingerprint()
            assert connection.addresses == ("127.0.0.1",) * 3
            getattr(connection, end)()
            await ended(*way)

    run(test())


def test_a_name_behind_a_jump_is_resolved_here() -> None:
    async def test() -> None:
        async with hops() as way:
            connection = await connect(through(*way, host="localhost"), allow)
            assert way[1].forwards[-1][0] in {"127.0.0.1", "::1"}
            connection.abort()

    run(test())


# What fails


def test_a_dead_jump_in_the_middle_is_named() -> None:
    async def test() -> None:
        async with hops() as (one, two, last), sshd() as gone:
            pass
        async with hops() as (one, two, last):
            to = through(one, replace(two, port=gone.port), last)
            error = await fails(to)
            assert (error.reason, error.cause) == (Reason.JUMP_FAILED, Reason.DIAL_UNREACHABLE)
            assert error.message.startswith(f"jump 2 (127.0.0.1:{gone.port}): 127.0.0.1 port")
            assert f"dialled from jump 1 (127.0.0.1:{one.port})" in error.message
            assert last.connections == 0
            await ended(one)

    run(test())


def test_a_jump_that_is_silent_is_named_with_its_layer() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def test() -> None:
        async with tcp(silent) as port, sshd() as last:
            error = await fails(target(last.port, jumps=(target(port),)))
            assert (error.reason, error.cause) == (Reason.JUMP_FAILED, Reason.BANNER_TIMEOUT)
            assert error.message.startswith(f"jump 1 (127.0.0.1:{port}): ")

    run(test())


@pytest.mark.parametrize("number", [1, 2])
def test_a_jump_with_another_key_gets_no_byte_of_a_login(number: int) -> None:
    async def test() -> None:
        async with hops() as way:
            to = through(*way)
            jumps = list(to.jumps)
            jumps[number - 1] = replace(jumps[number - 1], host_keys=(public(OTHER_KEY),))
            error = await fails(replace(to, jumps=tuple(jumps)))
            assert error.reason is error.cause is Reason.HOST_KEY_CHANGED
            assert error.message.startswith(f"jump {number} (")
            assert HOST_KEY.get_fingerprint() in error.message
            assert [seen.logins for seen in way] == [1, 1, 1][: number - 1] + [0] * (4 - number)
            await ended(*way)

    run(test())


def test_a_jump_that_refuses_the_key() -> None:
    async def test() -> None:
        async with hops() as (one, two, last):
            jumps = (target(one.port), target(two.port, private_key=private(OTHER_KEY)))
            error = await fails(target(last.port, jumps=jumps))
            assert (error.reason, error.cause) == (Reason.JUMP_FAILED, Reason.AUTH_FAILED)
            assert error.row.retry.value == "R3"
            await ended(one, two)

    run(test())


def test_a_jump_that_does_not_forward_is_named() -> None:
    async def test() -> None:
        async with sshd() as one, sshd() as last:
            error = await fails(target(last.port, jumps=(target(one.port),)))
            assert error.reason is error.cause is Reason.JUMP_FAILED
            assert error.message.startswith(f"jump 1 (127.0.0.1:{one.port}): its sshd does not")
            await ended(one)

    run(test())


def test_the_node_itself_is_not_called_a_jump() -> None:
    async def foreign(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def test() -> None:
        async with sshd(forward=True) as one, tcp(foreign) as http, tcp(silent) as mute:
            for port, reason in ((http, Reason.NOT_SSH), (mute, Reason.BANNER_TIMEOUT)):
                slow_login = Patience(banner=0.3, login=60)
                error = await fails(target(port, jumps=(target(one.port),)), allow, slow_login)
                assert (error.reason, error.cause) == (reason, reason)
            await ended(one)

    run(test())


def test_a_jump_that_breaks_during_a_later_login_is_the_cause() -> None:
    async def test() -> None:
        async with hops(hang=True) as way:
            entering = asyncio.create_task(fails(through(*way), patience=Patience()))
            async with asyncio.timeout(5):
                while not way[2].logins:
                    await asyncio.sleep(0.01)
            way[1].links[0].abort()
            error = await entering
            assert (error.reason, error.cause) == (Reason.JUMP_FAILED, Reason.CONNECTION_LOST)
            assert error.message.startswith(f"jump 2 (127.0.0.1:{way[1].port})")
            await ended(*way)

    run(test())


# The policy


def deny(address: str) -> str | None:
    return "hosts.deny 127.0.0.2/32" if address == "127.0.0.2" else None


def test_an_address_behind_a_jump_must_be_allowed() -> None:
    async def test() -> None:
        async with hops() as way:
            error = await fails(through(*way, host="127.0.0.2"), deny)
            assert error.reason is Reason.HOST_DENIED
            assert error.message.startswith("127.0.0.2 is denied")
            assert way[1].forwards == []

    run(test())


def test_so_must_that_of_a_later_jump() -> None:
    async def test() -> None:
        async with hops() as (one, two, last):
            jumps = (target(one.port), target(two.port, host="127.0.0.2"))
            error = await fails(target(last.port, jumps=jumps), deny)
            assert error.reason is Reason.HOST_DENIED
            assert error.message.startswith(f"jump 2 (127.0.0.2:{two.port}): 127.0.0.2 is denied")
            assert (one.forwards, two.connections) == ([], 0)

    run(test())
