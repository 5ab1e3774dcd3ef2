"""A key that is learned is one that was proven, and nothing of a login is sent to get it."""

import asyncio
from typing import Any

import asyncssh
import pytest

from kaitu.api.connection import fingerprint
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote.ssh import ChangedKey, Patience, Target, connect, learn
from remote.servers import (
    HASTE,
    HOST_KEY,
    OTHER_KEY,
    allow,
    honest,
    public,
    run,
    sshd,
    target,
    tcp,
)


async def refuses(to: Target, patience: Patience = HASTE) -> KaituError:
    with pytest.raises(KaituError) as caught:
        await learn(to, allow, patience)
    return caught.value


def test_the_key_is_learned_without_a_login_and_then_pinned() -> None:
    async def test() -> None:
        async with sshd(honest) as seen:
            line = await learn(target(seen.port, host_keys=()), allow)
            assert line == " ".join(public(HOST_KEY).split()[:2])
            assert fingerprint(line) == HOST_KEY.get_fingerprint()
            assert (seen.connections, seen.logins) == (1, 0)
            (await connect(target(seen.port, host_keys=(line,)), allow)).abort()

    run(test())


def test_it_is_learned_over_a_jump_too() -> None:
    async def test() -> None:
        async with sshd(forward=True) as one, sshd(honest) as last:
            to = target(last.port, host_keys=(), jumps=(target(one.port),))
            assert await learn(to, allow) == " ".join(public(HOST_KEY).split()[:2])
            assert (one.logins, last.logins) == (1, 0)
            async with asyncio.timeout(5):
                while one.open or last.open:
                    await asyncio.sleep(0.01)

    run(test())


def test_a_key_of_which_only_the_public_half_is_known_is_not_learned() -> None:
    async def test() -> None:
        (stolen,) = asyncssh.load_keypairs([OTHER_KEY])
        stolen.public_data = HOST_KEY.public_data
        async with sshd(honest, server_host_keys=[stolen]) as seen:
            error = await refuses(target(seen.port, host_keys=()))
            assert (error.reason, seen.logins) == (Reason.HOST_KEY_CHANGED, 0)
            assert not isinstance(error, ChangedKey)  # there is nothing to be accepted

    run(test())


def test_a_changed_key_is_told_with_the_error() -> None:
    async def test() -> None:
        async with sshd(honest) as seen:
            with pytest.raises(ChangedKey) as caught:
                await connect(target(seen.port, host_keys=(public(OTHER_KEY),)), allow)
            assert fingerprint(caught.value.offered) == HOST_KEY.get_fingerprint()
            assert HOST_KEY.get_fingerprint() in caught.value.message

    run(test())


@pytest.mark.parametrize(
    "offer", [{"kex_algs": ["ecdh-sha2-nistp256"]}, {"encryption_algs": ["aes256-ctr"]}]
)
def test_who_has_no_algorithm_of_ours_teaches_nothing(offer: dict[str, Any]) -> None:
    async def test() -> None:
        async with sshd(honest, **offer) as seen:
            error = await refuses(target(seen.port, host_keys=()))
            assert error.reason is Reason.ALGORITHM_MISMATCH

    run(test())


def test_who_is_silent_teaches_nothing_in_time() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def test() -> None:
        async with tcp(silent) as port:
            error = await refuses(target(port, host_keys=()))
            assert error.reason is Reason.BANNER_TIMEOUT

    run(test())
