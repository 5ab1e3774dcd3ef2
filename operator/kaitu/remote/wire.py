"""From a host name to a TCP connection: bounded, allowed by the policy, resolved only once."""

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason

RESOLVE_SECONDS: Final = 5.0
DIAL_SECONDS: Final = 5.0
MOST_ADDRESSES: Final = 3
MOST_HEARD: Final = 64
_KEPT_ALIVE: Final = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""How the kernel finds out, in 30 seconds and for nothing, that a node has left the network."""

Denied = Callable[[str], str | None]
"""The policy's rule against dialling an address, or None."""

_RESOLVERS: Final = ThreadPoolExecutor(4, "resolve")
"""A dead name server stalls these threads and nothing else; addresses do not need them."""

_ABSENT: Final = {getattr(socket, name, None) for name in ("EAI_NONAME", "EAI_NODATA")}
_DIAL: Final = {
    errno.ECONNREFUSED: Reason.DIAL_REFUSED,
    errno.ETIMEDOUT: Reason.DIAL_TIMEOUT,
} | dict.fromkeys(
    # Our own limits and our own packet filter say nothing about the node.
    (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EPERM),
    Reason.OBSERVER_DEGRADED,
)


class Wire(socket.socket):
    """A socket that remembers the first bytes it ``heard``: by them, what is no SSH is known."""

    __slots__ = ("_over", "address", "heard")

    def __init__(self, address: str) -> None:
        super().__init__(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.setblocking(False)
        for name, value in _KEPT_ALIVE.items():
            if number := getattr(socket, name, None):  # not every system has them
                self.setsockopt(socket.IPPROTO_TCP, number, value)
        self.address = address
        self.heard = b""
        self._over = False

    @property
    def carrier(self) -> dict[str, Any]:
        """The argument by which asyncssh takes it."""
        return {"sock": self}

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        data = super().recv(bufsize, flags)
        if not data and not self._over:
            self._over = True
            raise BlockingIOError  # once: asyncssh is a turn of the loop behind with its verdict
        if len(self.heard) < MOST_HEARD:
            self.heard = (self.heard + data)[:MOST_HEARD]
        return data


async def reach(host: str, port: int, denied: Denied, seconds: float | None = None) -> Wire:
    """A connection to the first address that answers; none is dialled unless all are allowed."""
    addresses = await allowed(host, denied)
    share = (DIAL_SECONDS if seconds is None else seconds) / len(addresses)
    for address in addresses[:-1]:
        with suppress(KaituError):
            return await _dial(address, port, share)
    return await _dial(addresses[-1], port, share)


async def allowed(host: str, denied: Denied) -> tuple[str, ...]:
    """The addresses of a name; raises unless the policy lets every one of them be dialled."""
    addresses = await resolve(host)
    for address in addresses:
        if rule := denied(address):
            raise KaituError(Reason.HOST_DENIED, f"{address} is denied by the policy: {rule}")
    return addresses


async def resolve(host: str) -> tuple[str, ...]:
    """The addresses of a name, at most three; an address is its own."""
    with suppress(ValueError):
        return (str(ipaddress.ip_address(host)),)
    look = partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, look)
    except TimeoutError:
        raise KaituError(Reason.DNS_ERROR, f"the resolver does not answer about {host}") from None
    except socket.gaierror as error:
        reason = Reason.DNS_NOT_FOUND if error.errno in _ABSENT else Reason.DNS_ERROR
        raise KaituError(reason, f"{host}: {error.strerror}") from None
    except UnicodeError:
        raise KaituError(Reason.DNS_NOT_FOUND, f"{host} cannot be a name") from None
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))[:MOST_ADDRESSES]


async def _dial(address: str, port: int, seconds: float) -> Wire:
    where = f"{address} port {port}"
    try:
        wire = Wire(address)
    except OSError as error:
        raise _failure(where, error) from None
    try:
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(wire, (address, port))
    except BaseException as error:
        wire.close()
        if isinstance(error, OSError):
            raise _failure(where, error) from None
        raise
    return wire


def _failure(where: str, error: OSError) -> KaituError:
    if isinstance(error, TimeoutError):
        return KaituError(Reason.DIAL_TIMEOUT, f"{where} does not answer")
    number = error.errno or errno.EHOSTUNREACH
    reason = _DIAL.get(number, Reason.DIAL_UNREACHABLE)
    return KaituError(reason, f"{where}: {os.strerror(number)}")
