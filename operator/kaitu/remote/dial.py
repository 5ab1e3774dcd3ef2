"""Whether a TCP port answers, seen from where the operator runs, or from the last jump."""

import asyncio
import errno
import socket
from collections.abc import Collection
from typing import Any, Final

import asyncssh

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote.tunnel import SAID

_STATES: Final = {
    Reason.DIAL_REFUSED: "refused",
    Reason.DIAL_TIMEOUT: "timeout",
    Reason.DIAL_UNREACHABLE: "unreachable",
}
_OURS: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}


async def dial(address: str, ports: Collection[int], timeout: float = 5.0) -> dict[int, str]:
    """``open``, ``refused``, ``timeout`` or ``unreachable`` for each port, all at once.

    Raises ``KaituError`` (ObserverDegraded) when it is we who cannot dial.
    """
    states = await asyncio.gather(*(_dial(address, port, timeout) for port in ports))
    return dict(zip(ports, states, strict=True))


async def _dial(address: str, port: int, timeout: float) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family) as wire:
            wire.setblocking(False)
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(wire, (address, port))
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        if error.errno in _OURS:
            raise KaituError(Reason.OBSERVER_DEGRADED, f"cannot dial: {error.strerror}") from None
        return "unreachable"
    return "open"


async def dial_from(
    jump: asyncssh.SSHClientConnection,
    address: str,
    ports: Collection[int],
    timeout: float = 5.0,
) -> dict[int, str]:
    """The same as ``jump`` sees it; ``unreachable`` is also a port that it does not forward to."""
    states = await asyncio.gather(*(_dial_from(jump, address, port, timeout) for port in ports))
    return dict(zip(ports, states, strict=True))


async def _dial_from(
    jump: asyncssh.SSHClientConnection, address: str, port: int, timeout: float
) -> str:
    opening = asyncio.ensure_future(
        jump.create_connection(asyncssh.SSHTCPSession[bytes], address, port)
    )
    opening.add_done_callback(_drop)
    try:
        async with asyncio.timeout(timeout):
            await asyncio.shield(opening)
    except TimeoutError:
        return "timeout"
    except (asyncssh.Error, OSError) as error:
        if isinstance(error, asyncssh.ChannelOpenError) and not jump.is_closed():
            return _STATES[SAID.get(error.reason, Reason.DIAL_UNREACHABLE)]
        raise KaituError(Reason.CONNECTION_LOST, "the connection broke during a dial") from None
    return "open"


def _drop(opening: "asyncio.Future[Any]") -> None:
    """Also one that opens too late for us: it would stay open for as long as the connection."""
    if not opening.cancelled() and not opening.exception():
        channel, _ = opening.result()
        channel.abort()
