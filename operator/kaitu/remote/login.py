"""One login over one wire: a pinned host key or nothing, and a reason for whatever fails."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import asyncssh
from asyncssh.constants import MSG_IGNORE
from asyncssh.packet import SSHPacketLogger

from kaitu.api.connection import fingerprint
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote import proof
from kaitu.remote.options import KEX, Target, host_key_algorithms, to_learn
from kaitu.remote.wire import DIAL_SECONDS

_BUSY: Final = (b"Exceeded MaxStartups", b"Not allowed at this time")
"""What sshd says instead of a greeting when it has too many callers, or too bad ones."""

_SAYS: Final = {
    Reason.HOST_KEY_CHANGED: "the key that is shown is not proven, or not pinned; not logged in",
    Reason.ALGORITHM_MISMATCH: "it has no algorithm in common with us",
    Reason.AUTH_FAILED: "the user or the key was refused",
    Reason.LOGIN_TIMEOUT: "sshd greets, but the login does not come to its end",
    Reason.BANNER_TIMEOUT: "the port opens, but nothing is said",
    Reason.NOT_SSH: "what answers does not speak SSH",
    Reason.CONNECTION_LOST: "the connection broke during the login",
}
_TOO_MANY: Final = "Too many authentication failures"
_BROKE: Final = Reason.CONNECTION_LOST
_KINDS: Final = (
    (asyncssh.HostKeyNotVerifiable, Reason.HOST_KEY_CHANGED),
    (asyncssh.PermissionDenied, Reason.AUTH_FAILED),
    (TimeoutError, Reason.LOGIN_TIMEOUT),
)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until a host has greeted, and from then on until it has let us in."""

    banner: float = 10.0
    login: float = 10.0
    dial: float | None = None  # the usual

    @classmethod
    def within(cls, seconds: float, hosts: int = 1) -> "Patience":
        """For a visit of this length over so many hosts: who stays silent in one layer is named
        before its end.
        """
        share = min(1.0, seconds / (40 * hosts))
        return cls(10 * share, 10 * share, DIAL_SECONDS * share)


PATIENCE: Final = Patience()


class Line(Protocol):
    """What a login goes over: a socket, or a channel of the connection to the last jump."""

    @property
    def address(self) -> str: ...
    @property
    def heard(self) -> bytes: ...
    @property
    def carrier(self) -> dict[str, Any]:
        """The argument by which asyncssh takes it."""

    def close(self) -> None: ...


class ChangedKey(KaituError):
    """The host key is not pinned; ``offered`` is the key as a line, not proven to be its own."""

    def __init__(self, offered: str) -> None:
        said = f"the host key is {fingerprint(offered)}, which is not pinned; not logged in"
        super().__init__(Reason.HOST_KEY_CHANGED, said)
        self.offered = offered


def line(key: asyncssh.SSHKey) -> str:
    """A public key as it stands in a .pub file, without a comment."""
    return " ".join(key.export_public_key().decode().split()[:2])


class _Client(asyncssh.SSHClient):
    """Knows how far a login came. A key that is not pinned it refuses, as its base does.

    With the kind of our ``key``, the login is a quick one.
    """

    ssh: asyncssh.SSHClientConnection | None = None
    unpinned: asyncssh.SSHKey | None = None

    def __init__(self, key: str = "") -> None:
        self._key = key

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self.ssh = conn
        if self._key:
            proof.hasten(conn, self._key)

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.unpinned = key
        return super().validate_host_public_key(host, addr, port, key)

    @property
    def greeted(self) -> bool:
        return bool(self.ssh and self.ssh.get_extra_info("server_version"))

    @property
    def verified(self) -> bool:
        return bool(self.ssh and self.ssh.get_server_host_key())


async def login(
    target: Target,
    wire: Line,
    settings: asyncssh.SSHClientConnectionOptions,
    patience: Patience,
) -> asyncssh.SSHClientConnection:
    """Verify the host key, then log in. Raises ``KaituError`` of the first layer that fails."""
    kinds = [key.get_algorithm() for key in settings.client_keys or ()]
    client = _Client(*kinds)
    with _named(client, wire):
        async with asyncio.timeout(patience.banner + patience.login) as deadline:
            with _greeting_due(client, deadline, patience.banner):
                ssh = await asyncssh.connect(
                    wire.address,
                    target.port,
                    options=settings,
                    client_factory=lambda: client,
                    **wire.carrier,
                )
    _without_padding(ssh)
    return ssh


def _without_padding(ssh: asyncssh.SSHClientConnection) -> None:
    """asyncssh sends an empty SSH_MSG_IGNORE before each packet, against an attack on ciphers in
    CBC mode. We have none of them, and it is half of all packets.
    """
    send = ssh.send_packet

    def without(pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None) -> None:
        if pkttype != MSG_IGNORE:
            send(pkttype, *args, handler=handler)

    ssh.send_packet = without  # type: ignore[method-assign]


async def shown_key(target: Target, wire: Line, patience: Patience) -> str:
    """The key that the host shows and proves to have, as a line. Nothing of a login is sent."""
    client = _Client()
    settings = asyncssh.SSHClientConnectionOptions(to_learn(target), client_factory=lambda: client)
    with _named(client, wire):
        async with asyncio.timeout(patience.banner + patience.login) as deadline:
            with _greeting_due(client, deadline, patience.banner):
                key = await asyncssh.get_server_host_key(
                    wire.address,
                    target.port,
                    options=settings,
                    config=None,
                    kex_algs=KEX,  # it would take its own in the place of those in the options
                    server_host_key_algs=host_key_algorithms([]),
                    **wire.carrier,
                )
    if key is None:
        raise KaituError(Reason.ALGORITHM_MISMATCH, _SAYS[Reason.ALGORITHM_MISMATCH])
    return line(key)


@contextmanager
def _named(client: _Client, wire: Line) -> Iterator[None]:
    """Whatever goes wrong is a ``KaituError`` of the layer at which it did."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a hostile peer makes asyncssh raise anything
        reason = _reason(error, client, wire.heard)
        if client.unpinned and reason is Reason.HOST_KEY_CHANGED:
            raise ChangedKey(line(client.unpinned)) from None
        raise KaituError(reason, _SAYS[reason]) from None


@contextmanager
def _greeting_due(client: _Client, deadline: asyncio.Timeout, seconds: float) -> Iterator[None]:
    def check() -> None:
        if not client.greeted:
            deadline.reschedule(0)

    timer = asyncio.get_running_loop().call_later(seconds, check)
    try:
        yield
    finally:
        timer.cancel()


def _reason(error: Exception, client: _Client, heard: bytes) -> Reason:
    """The layer at which a login failed."""
    if not client.greeted:
        return _ungreeted(error, heard)
    if isinstance(error, asyncssh.KeyExchangeFailed):
        # With a pinned key shown, it was not proven: whoever answers has only its public half.
        return Reason.HOST_KEY_CHANGED if client.verified else Reason.ALGORITHM_MISMATCH
    if isinstance(error, asyncssh.ProtocolError) and error.reason.startswith(_TOO_MANY):
        return Reason.AUTH_FAILED
    return next((reason for kind, reason in _KINDS if isinstance(error, kind)), _BROKE)


def _ungreeted(error: Exception, heard: bytes) -> Reason:
    """Silence, or words: those of an sshd that turns us away, or those of something else."""
    if heard and not heard.startswith(b"SSH-2"[: len(heard)]):
        return _BROKE if heard.startswith(_BUSY) else Reason.NOT_SSH
    return Reason.BANNER_TIMEOUT if isinstance(error, TimeoutError) else _BROKE
