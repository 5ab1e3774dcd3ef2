"""A warm probe by the operator's own transport, without the operator around it."""

import asyncio
import statistics
import time

from kaitu.core.secrets import Secret
from kaitu.remote.ssh import Target, connect
from lab.node import Node

PROBES = 5


def warm_probe_seconds(node: Node, address: str, port: int) -> float:
    """Median seconds of a probe on an open connection."""
    return asyncio.run(_probe(node, address, port))


async def _probe(node: Node, address: str, port: int) -> float:
    target = Target(address, port, "root", Secret(node.keys.private), (node.host_key,))
    connection = await connect(target, lambda _: None)
    try:
        took = [await _once(connection.probe) for _ in range(PROBES + 1)]
    finally:
        connection.abort()
    return statistics.median(took[1:])


async def _once(probe: object) -> float:
    began = time.monotonic()
    await probe({"host": b"/apps/kaitu-slave\n", "docker": b""})  # type: ignore[operator]
    return time.monotonic() - began
