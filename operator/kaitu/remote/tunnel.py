"""From one SSH connection to the next host: a channel in the place of a socket."""

import asyncio
from typing import Any, Final

import asyncssh

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote.wire import DIAL_SECONDS, MOST_HEARD

Via = asyncssh.SSHClientConnection
Channel = asyncssh.SSHTCPChannel[bytes]
Session = asyncssh.SSHTCPSession[bytes]

SAID: Final = {
    "Connection refused": Reason.DIAL_REFUSED,
    "Connection timed out": Reason.DIAL_TIMEOUT,
}
"""What sshd says when it cannot connect, in the words of its system."""
_WORDS: Final = {
    Reason.DIAL_REFUSED: "connection refused",
    Reason.DIAL_TIMEOUT: "no answer",
    Reason.DIAL_UNREACHABLE: "not reachable from there",
}


class Tunnel(asyncssh.SSHTCPSession[bytes]):
    """A channel in the place of a socket, which remembers the first bytes it ``heard``.

    asyncssh asks it for a connection, as it would ask the jump, and uses it as the transport of
    that. The channel itself would do, but tells the jump's version for that of the host behind it.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.heard = b""
        self._early: list[bytes] = []
        self._inner: Session | None = None
        self._ended = False

    @property
    def carrier(self) -> dict[str, Any]:
        return {"tunnel": self}

    async def create_connection(
        self, factory: Any, _host: str, _port: int
    ) -> tuple["Tunnel", Session]:
        if self._ended:
            raise asyncssh.ConnectionLost("the channel has ended")
        inner: Session = factory()
        inner.connection_made(self)  # type: ignore[arg-type]
        self._inner = inner
        for data in self._early:
            inner.data_received(data, None)
        return self, inner

    # As a transport

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes) -> None:
        self._channel.write(data)

    def abort(self) -> None:
        self._channel.abort()

    close = abort

    # As the session of the channel

    def connection_made(self, chan: Channel) -> None:
        self._channel = chan

    def data_received(self, data: bytes, datatype: Any) -> None:
        if len(self.heard) < MOST_HEARD:
            self.heard = (self.heard + data)[:MOST_HEARD]
        if self._inner:
            self._inner.data_received(data, datatype)
        else:
            self._early.append(data)

    def eof_received(self) -> bool:
        return bool(self._inner and self._inner.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        if self._inner:
            self._inner.connection_lost(exc)


async def reach_through(
    via: Via, label: str, addresses: tuple[str, ...], port: int, seconds: float | None
) -> Tunnel:
    """A channel to the first address that answers ``via``, which messages call ``label``."""
    share = (DIAL_SECONDS if seconds is None else seconds) / len(addresses)
    for address in addresses[:-1]:
        try:
            return await _open(via, label, address, port, share)
        except KaituError:
            continue
    return await _open(via, label, addresses[-1], port, share)


async def _open(via: Via, label: str, address: str, port: int, seconds: float) -> Tunnel:
    where = f"{address} port {port}, dialled from {label}"
    tunnel = Tunnel(address)
    try:
        async with asyncio.timeout(seconds):
            await via.create_connection(lambda: tunnel, address, port)
    except TimeoutError:
        raise KaituError(Reason.DIAL_TIMEOUT, f"{where}: no answer") from None
    except asyncssh.ChannelOpenError as error:
        if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
            raise KaituError(
                Reason.JUMP_FAILED,
                f"{label}: its sshd does not forward to {address} port {port};"
                " look at AllowTcpForwarding and PermitOpen",
            ) from None
        reason = SAID.get(error.reason, Reason.DIAL_UNREACHABLE)
        raise KaituError(reason, f"{where}: {_WORDS[reason]}") from None
    except (asyncssh.Error, OSError):
        raise KaituError(Reason.CONNECTION_LOST, f"{label}: the connection broke") from None
    return tunnel
