"""Emulators of hostile nodes: what no real sshd does, but what may answer in its place.

That a real sshd is served well, and named well when it fails, is shown in tests/integration.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import asyncssh
import pytest

from kaitu.core.errors import KaituError
from kaitu.core.secrets import Secret
from kaitu.remote.ssh import Patience, Target, connect
from remote.frames import sealed

HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER_KEY = asyncssh.generate_private_key("ssh-ed25519")
USER_KEYS = {
    kind: asyncssh.generate_private_key(kind)
    for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
}
USER_KEY = USER_KEYS["ssh-ed25519"]
HASTE = Patience(banner=0.3, login=0.4)

Process = asyncssh.SSHServerProcess[bytes]
Behave = Callable[[Process], Awaitable[None]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


@cache
def private(key: asyncssh.SSHKey) -> Secret:
    """Always the same text of a key; OpenSSH's format has a random part."""
    return Secret(key.export_private_key().decode())


def target(port: int, **other: Any) -> Target:
    """The way to an emulator, as it should be but for what is given."""
    usual = Target("127.0.0.1", port, "root", private(USER_KEY), (public(HOST_KEY),))
    return replace(usual, **other)


def allow(_: str) -> None:
    """The policy that allows every address."""


def run(test: Awaitable[Any], seconds: float = 20) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(seconds):
            return await test

    return asyncio.run(bounded())


async def refused(port: int, **other: Any) -> KaituError:
    """How the login fails; it must."""
    with pytest.raises(KaituError) as caught:
        await connect(target(port, **other), allow, HASTE)
    return caught.value


@dataclass
class Seen:
    """What reached an emulator."""

    port: int = 0
    connections: int = 0
    open: int = 0
    logins: int = 0
    asked: int = 0
    entering: int = 0
    most_entering: int = 0
    running: int = 0
    most_running: int = 0
    links: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    forwards: list[tuple[str, int]] = field(default_factory=list)


class _Server(asyncssh.SSHServer):
    def __init__(self, seen: Seen, login: asyncio.Event, cut: bool, forward: bool) -> None:
        self._seen, self._login, self._cut, self._forward = seen, login, cut, forward

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn
        self._seen.links.append(conn)
        self._seen.connections += 1
        self._seen.open += 1
        self._seen.entering += 1
        self._seen.most_entering = max(self._seen.most_entering, self._seen.entering)

    def connection_lost(self, _: Exception | None) -> None:
        self._seen.open -= 1

    def auth_completed(self) -> None:
        self._seen.entering -= 1

    async def begin_auth(self, _: str) -> bool:
        self._seen.logins += 1
        await self._login.wait()
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, _: str, key: asyncssh.SSHKey) -> bool:
        """Asked for a question about the key, and for a proof."""
        self._seen.asked += 1
        return key.public_data in {one.public_data for one in USER_KEYS.values()}

    def connection_requested(self, host: str, port: int, _host: str, _port: int) -> bool:
        """A refusal is in the words of OpenSSH."""
        self._seen.forwards.append((host, port))
        if not self._forward:
            code = asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED
            raise asyncssh.ChannelOpenError(code, "open failed")
        return True

    def session_requested(self) -> bool:
        if self._cut:
            self._conn.abort()
        return False


@asynccontextmanager
async def sshd(
    behave: Behave | None = None,
    *,
    hang: bool = False,
    cut: bool = False,
    forward: bool = False,
    **options: Any,
) -> AsyncIterator[Seen]:
    """An SSH server; ``behave`` is what it does with a command, without it refuses every session.

    With ``hang`` no login comes to its end, with ``cut`` the connection breaks at the session;
    with ``forward`` it is a jump.
    """
    seen, login = Seen(), asyncio.Event()
    if not hang:
        login.set()

    async def serve(process: Process) -> None:
        assert behave
        seen.running += 1
        seen.most_running = max(seen.most_running, seen.running)
        try:
            with suppress(OSError, asyncssh.Error):  # the operator hangs up on us
                await behave(process)
        finally:
            seen.running -= 1

    options = {"server_host_keys": [HOST_KEY]} | options
    listener = await asyncssh.listen(
        "127.0.0.1", 0, encoding=None, server_factory=lambda: _Server(seen, login, cut, forward),
        process_factory=serve if behave else None, **options,
    )  # fmt: skip
    seen.port = listener.get_port()
    try:
        yield seen
    finally:
        login.set()
        listener.close()
        for link in seen.links:
            link.abort()
        await asyncio.gather(*(link.wait_closed() for link in seen.links))
        await listener.wait_closed()


@asynccontextmanager
async def tcp(talk: Talk) -> AsyncIterator[int]:
    """A TCP server on the port it yields, which is no SSH or a broken one."""
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        talks.add(task)
        with suppress(OSError, asyncio.CancelledError):
            await talk(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks)


def words(process: Process) -> list[str]:
    """The quoted words behind the loader of the command line: size, digest, nonce and the rest."""
    return re.findall(r"'([^']*)'", (process.command or "").partition("' kaitu ")[2])


async def honest(process: Process) -> None:
    """What the scripts would answer: every fragment empty, every write done."""
    await process.stdin.read()
    _, _, nonce, *wanted = words(process)
    names = [word.partition(":")[0] for word in wanted]
    value: Any = {"fragments": {name: {"rc": 0, "out": ""} for name in names}}
    if "edge/node-1" in wanted:
        value = {"code": "OK", "detail": ""}
    process.stdout.write(sealed(value, nonce))
    process.exit(0)
