"""One command over an open connection: bounded, its input right behind it, its end noticed."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import asyncssh

MOST_STDERR: Final = 4096
FLOOD: Final = 1 << 16
WINDOW: Final = 1 << 18
"""Bytes that the node may send before we have looked at them."""
AHEAD: Final = 1 << 20
"""Bytes of input that may be sent ahead of sshd's leave: half of the window that it then gives."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. ``status`` is None when a signal ended it, or nobody said."""

    stdout: bytes = b""
    stderr: bytes = b""
    status: int | None = None
    overflow: bool = False
    lost: bool = False


class Exec(asyncssh.SSHClientSession[bytes]):
    """The session of one command; ``run`` it once.

    asyncssh's own ``run`` collects without bound, and sends input a round trip late.
    ``sent`` says whether the request may have reached the node.
    """

    def __init__(self, data: bytes, most: int) -> None:
        self._data = data
        self._most = most
        self._out = bytearray()
        self._err = bytearray()
        self._complaints = 0
        self._status: int | None = None
        self._overflow = False
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent = False

    async def run(self, ssh: asyncssh.SSHClientConnection, line: str) -> Outcome:
        """Run ``line``. Raises what asyncssh raises when there is no channel or no connection.

        When it is cancelled or sees an overflow, the connection must be given up: sshd keeps the
        channel for as long as the command lives, and allows few of them.
        """
        await ssh.create_session(
            lambda: self, line, encoding=None, request_pty=False, window=WINDOW
        )
        await self._ended
        lost = self._status is None and not self._overflow and ssh.is_closed()
        return Outcome(bytes(self._out), bytes(self._err), self._status, self._overflow, lost)

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """asyncssh sends the request right after this call; the input follows in its wake."""
        self._channel = chan
        self.sent = True
        asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        _open_window(self._channel, len(self._data))
        try:
            self._channel.write(self._data)
            self._channel.write_eof()
        except OSError:
            pass  # the channel has closed meanwhile, which ends the command for us, too

    def data_received(self, data: bytes, datatype: Any) -> None:
        if self._overflow:
            return
        if datatype:
            self._err += data[: MOST_STDERR - len(self._err)]
            self._complaints += len(data)
        else:
            self._out += data
        if len(self._out) > self._most or self._complaints > FLOOD:
            self._overflow = True
            self._out.clear()
            self._end()

    def exit_status_received(self, status: int) -> None:
        self._status = status

    def connection_lost(self, _: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


def _open_window(channel: asyncssh.SSHClientChannel[bytes], size: int) -> None:
    """Spare the round trip after which OpenSSH lets input in: it announces a window of nothing,
    and opens it while it reads the request that our input follows. Others may mean what they say.
    """
    banner = str(channel.get_extra_info("server_version", ""))
    if "-OpenSSH" in banner and size <= AHEAD and getattr(channel, "_send_window", None) == 0:
        channel._send_window = size
