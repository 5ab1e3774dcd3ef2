"""A long way to a node: every byte arrives later by the same time, and what flew is counted."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby, pairwise

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@dataclass
class Line:
    """``flights``: when which way (``>`` is toward the node) something was sent, in order."""

    target: tuple[str, int]
    one_way: float
    port: int = 0
    calls: int = 0
    flights: list[tuple[float, str]] = field(default_factory=list)

    def round_trips(self) -> int:
        """How often the client had to send, wait and hear; each TCP connection is one more."""
        return self.calls + _turns(way for _, way in self.flights)

    def bursts(self, silence: float) -> list[int]:
        """The round trips of each run of flights with no such silence in it."""
        runs: list[list[str]] = [[]]
        last = self.flights[0][0] if self.flights else 0.0
        for at, way in self.flights:
            if at - last > silence:
                runs.append([])
            runs[-1].append(way)
            last = at
        return [_turns(iter(run)) for run in runs]

    def clear(self) -> None:
        self.calls = 0
        self.flights.clear()

    async def talk(self, reader: Reader, writer: Writer) -> None:
        self.calls += 1
        up, down = await asyncio.open_connection(*self.target)
        with suppress(asyncio.CancelledError):  # the line is over
            await asyncio.gather(self._carry(reader, down, ">"), self._carry(up, writer, "<"))

    async def _carry(self, reader: Reader, writer: Writer, way: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(1 << 16):
                self.flights.append((time.monotonic(), way))
                loop.call_later(self.one_way, writer.write, data)
        finally:
            loop.call_later(self.one_way, writer.close)


def _turns(ways: Iterator[str]) -> int:
    """What is sent last, as the good-bye of a channel, nobody waits for."""
    return sum(pair == (">", "<") for pair in pairwise(way for way, _ in groupby(ways)))


@contextmanager
def line(address: str, port: int, one_way: float) -> Iterator[Line]:
    """A line to this server, on a port of every address of ours, in a thread of its own."""
    made, ready, end = Line((address, port), one_way), threading.Event(), asyncio.Event()

    async def serve() -> None:
        nonlocal loop
        server = await asyncio.start_server(made.talk, "0.0.0.0", 0)  # noqa: S104 - nodes call, too
        made.port, loop = server.sockets[0].getsockname()[1], asyncio.get_running_loop()
        ready.set()
        await end.wait()
        server.close()

    loop: asyncio.AbstractEventLoop
    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(10)


def ours(address: str) -> str:
    """Our own address as a node sees it that has this one: nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return str(probe.getsockname()[0])
