"""A warm probe by the operator's own transport, over a long line that counts its round trips."""

import asyncio

from kaitu.core.secrets import Secret
from kaitu.remote.ssh import Target, connect
from lab.node import Node
from remote.latency import distant

ONE_WAY = 0.05  # seconds
FRAGMENTS = dict.fromkeys(("host", "docker"), b"/apps/kaitu-slave\n")


def warm_round_trips(node: Node) -> int:
    """How often the operator must wait for the node in a probe on an open connection."""
    return asyncio.run(_count(node))


async def _count(node: Node) -> int:
    async with distant(node.address, node.port, ONE_WAY) as line:
        key = Secret(node.keys.private)
        target = Target("127.0.0.1", line.port, "root", key, (node.host_key,))
        connection = await connect(target, lambda _: None)
        await connection.probe(FRAGMENTS)
        line.flights.clear()
        await connection.probe(FRAGMENTS)
        trips = line.round_trips()
        connection.close()
    return trips
