"""No node costs more memory or time than was set for it, whatever it sends or leaves unsent."""

import asyncio
from typing import Any

import pytest

from kaitu.core.command import CATALOGUE
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote import connection
from kaitu.remote.connection import Connection
from kaitu.remote.exec import MOST_STDERR, WINDOW, Exec
from kaitu.remote.ssh import connect
from remote.asks import CANARY, probe, write
from remote.servers import Behave, Process, allow, run, sshd, target


def flood(stream: str) -> Behave:
    async def behave(process: Process) -> None:
        while True:
            getattr(process, stream).write(CANARY * 2000)
            await getattr(process, stream).drain()

    return behave


class Scale(Exec):
    """An Exec that weighs what it holds after every piece it gets."""

    most_held = 0
    taken = 0

    def data_received(self, data: bytes, datatype: Any) -> None:
        super().data_received(data, datatype)
        self.taken += len(data)
        self.most_held = max(self.most_held, len(self._out) + len(self._err))


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_is_cut_off(stream: str) -> None:
    """What is held stays below the limit, however much is sent; nothing of it is kept."""
    limit = 100_000

    async def test() -> None:
        async with sshd(flood(stream)) as seen:
            link = await connect(target(seen.port), allow)
            scale = Scale(b"", limit)
            outcome = await scale.run(link._ssh, "flood")
            link.abort()
            assert outcome.overflow
            assert outcome.stdout == b""
            assert len(outcome.stderr) <= MOST_STDERR
            assert 0 < scale.most_held <= limit + MOST_STDERR
            assert scale.taken <= limit + WINDOW

    run(test())


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_costs_the_connection(stream: str) -> None:
    async def test() -> None:
        async with sshd(flood(stream)) as seen:
            link = await connect(target(seen.port), allow)
            with pytest.raises(KaituError) as caught:
                await probe(link)
            assert caught.value.reason is Reason.OUTPUT_OVERFLOW
            await gone(link)

    run(test())


async def gone(link: Connection) -> None:
    async with asyncio.timeout(5):
        while link.alive:
            await asyncio.sleep(0.01)


async def stall(process: Process) -> None:
    process.stdout.write(b"KNP1 ")
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("ask", "script", "reason"),
    [(probe, "probe", Reason.VISIT_DEADLINE), (write, "claim", Reason.OUTCOME_UNKNOWN)],
)
def test_a_stalled_command_ends_at_its_deadline(
    ask: Any, script: str, reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And takes the connection with it: sshd would keep the channel."""
    monkeypatch.setattr(connection, "GRACE", 0.2 - CATALOGUE[script].seconds)

    async def test() -> None:
        async with sshd(stall) as seen:
            link = await connect(target(seen.port), allow)
            with pytest.raises(KaituError) as caught:
                await ask(link)
            assert caught.value.reason is reason
            await gone(link)

    run(test())


def test_a_visit_that_is_given_up_takes_the_connection_with_it() -> None:
    async def test() -> None:
        async with sshd(stall) as seen:
            link = await connect(target(seen.port), allow)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await probe(link)
            await gone(link)

    run(test())
