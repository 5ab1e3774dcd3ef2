"""Emulated jumps in front of an emulated node, and how a way over them ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kaitu.core.errors import KaituError
from kaitu.remote.ssh import Patience, Target, connect
from remote.servers import HASTE, Seen, allow, honest, sshd, target

Ways = tuple[Seen, Seen, Seen]


@asynccontextmanager
async def hops(**node: Any) -> AsyncIterator[Ways]:
    """Two jumps and a node."""
    async with sshd(forward=True) as one, sshd(forward=True) as two, sshd(honest, **node) as last:
        yield one, two, last


def through(one: Seen, two: Seen, last: Seen, **other: Any) -> Target:
    return target(last.port, jumps=(target(one.port), target(two.port)), **other)


async def fails(to: Target, denied: Any = allow, patience: Patience = HASTE) -> KaituError:
    with pytest.raises(KaituError) as caught:
        await connect(to, denied, patience)
    return caught.value


async def ended(*servers: Seen) -> None:
    async with asyncio.timeout(5):
        while any(server.open for server in servers):
            await asyncio.sleep(0.01)
