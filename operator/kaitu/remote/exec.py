"""One command over an open connection: bounded, its input right behind it, its end noticed."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import asyncssh

MOST_STDERR: Final = 4096


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. ``status`` is None when it was killed or the connection broke."""

    stdout: bytes
    stderr: bytes
    status: int | None
    overflow: bool
    lost: bool


class Exec(asyncssh.SSHClientSession[bytes]):
    """The session of one command. ``run`` is all that others use.

    asyncssh's own ``run`` collects without bound and waits a round trip before it sends input.
    """

    def __init__(self, data: bytes, most: int) -> None:
        self._data = data
        self._most = most
        self._out = bytearray()
        self._err = bytearray()
        self._status: int | None = None
        self._overflow = False
        self._broken: Exception | None = None
        self._ended = asyncio.get_running_loop().create_future()

    @classmethod
    async def run(
        cls, ssh: asyncssh.SSHClientConnection, line: str, data: bytes, most: int
    ) -> Outcome:
        """Run ``line`` with ``data`` on stdin; at most ``most`` bytes of answer are taken."""
        session = cls(data, most)
        channel, _ = await ssh.create_session(
            lambda: session, line, encoding=None, request_pty=False
        )
        try:
            await session._ended
        finally:
            channel.close()
        return session._outcome()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """The request goes out right after this call; the input follows in the same flight."""
        self._channel = chan
        asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        try:
            self._channel.write(self._data)
            self._channel.write_eof()
        except OSError:
            pass  # the channel is closed already, and connection_lost has said why

    def data_received(self, data: bytes, datatype: Any) -> None:
        if datatype:
            self._err += data[: MOST_STDERR - len(self._err)]
            return
        if len(self._out) + len(data) > self._most:
            self._overflow = True
            self._channel.abort()
            return
        self._out += data

    def exit_status_received(self, status: int) -> None:
        self._status = status

    def connection_lost(self, exc: Exception | None) -> None:
        self._broken = exc
        if not self._ended.done():
            self._ended.set_result(None)

    def _outcome(self) -> Outcome:
        lost = self._broken is not None and not self._overflow
        return Outcome(bytes(self._out), bytes(self._err), self._status, self._overflow, lost)
