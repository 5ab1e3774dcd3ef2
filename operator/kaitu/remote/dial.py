"""Whether a TCP port answers, seen from where the operator runs."""

import asyncio
import errno
from collections.abc import Collection
from typing import Final

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason

_OURS: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


async def dial(address: str, ports: Collection[int], timeout: float = 5.0) -> dict[int, str]:
    """``open``, ``refused``, ``timeout`` or ``unreachable`` for each port, all at once.

    Raises ``KaituError`` (ObserverDegraded) when it is we who cannot dial.
    """
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
    except OSError as error:
        if error.errno in _OURS:
            raise KaituError(Reason.OBSERVER_DEGRADED, f"cannot dial: {error.strerror}") from None
        return "unreachable"
    writer.transport.abort()
    return "open"
