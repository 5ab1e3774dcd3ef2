"""Whether a TCP port answers, seen from where the operator runs."""

import asyncio
from collections.abc import Collection


async def dial(address: str, ports: Collection[int], timeout: float = 5.0) -> dict[int, str]:
    """``open``, ``refused``, ``timeout`` or ``unreachable`` for each port, all at once."""
    states = await asyncio.gather(*(_dial(address, port, timeout) for port in ports))
    return dict(zip(ports, states, strict=True))


async def _dial(address: str, port: int, timeout: float) -> str:
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "unreachable"
    writer.transport.abort()
    return "open"
