"""A long way to a server: every byte arrives later by the same time, as on a real line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import groupby

from remote.servers import tcp

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@dataclass
class Line:
    """``flights`` are the directions of what was sent, in order: ``>`` is toward the server."""

    port: int = 0
    flights: list[str] = field(default_factory=list)

    def round_trips(self) -> int:
        """How often the client had to send, wait and hear before it could go on."""
        return sum(way == ">" for way, _ in groupby(self.flights))


@asynccontextmanager
async def distant(address: str, port: int, one_way: float) -> AsyncIterator[Line]:
    line = Line()

    async def carry(reader: Reader, writer: Writer, way: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await reader.read(1 << 16):
                line.flights.append(way)
                loop.call_later(one_way, writer.write, data)
        finally:
            loop.call_later(one_way, writer.close)

    async def talk(reader: Reader, writer: Writer) -> None:
        up, down = await asyncio.open_connection(address, port)
        await asyncio.gather(carry(reader, down, ">"), carry(up, writer, "<"))

    async with tcp(talk) as line.port:
        try:
            yield line
        finally:
            await asyncio.sleep(2 * one_way)  # what is under way arrives
