"""Simulated nodes, all in this process: real SSH, the real frame, answers recorded beforehand.

Usage: python -m lab.simnode PORT USER-KEY-FILE DELAY

Every address of 127.0.0.0/8 is a node of its own; the second byte says its manners (``MANNERS``).
What a node says of its machine and of Docker was recorded from the real probe, run here once with
a canned docker. It is in order and nobody's, and takes the writes of a claim and of one file, as
the real scripts would. Five times a second the numbers of logins and probes so far and of open
connections are printed.
DELAY is in seconds, the round trip to every node.
"""

import asyncio
import base64
import json
import resource
import shlex
import socket
import sys
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import Any, Final

import asyncssh

from kaitu.core.aspect import Answer
from kaitu.core.command import CATALOGUE
from kaitu.remote.loader import BAD_SCRIPT, script_text
from lab.sim import MANNERS, Manners
from lab.simstate import WRITES, State, record

SCRIPTS: Final = {sha256(script_text(name).encode()).hexdigest(): name for name in CATALOGUE}
FLOOD: Final = bytes(1 << 22)
SLOW: Final = 3.0
TOTAL: Final = Counter(logins=0, probes=0, open=0)
TOLD: Final = 0.2
GUARD: Final = 4  # words before those of a script that writes


class Session(asyncssh.SSHServerSession[bytes]):
    """One command: the loader's check, then the answer of the script in a frame."""

    def __init__(self, state: State, recorded: dict[str, Answer]) -> None:
        self._state, self._recorded = state, recorded
        self._manners = manners(state.address)
        self._sent = bytearray()

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        words = shlex.split(command)
        self._words = words[words.index("kaitu") + 1 :]
        return True

    def data_received(self, data: bytes, _datatype: Any) -> None:
        self._sent += data

    def eof_received(self) -> bool:
        if self._manners is Manners.SLOW:
            asyncio.get_running_loop().call_later(SLOW, self._answer)
        elif self._manners is Manners.FLOOD:
            self._channel.write(FLOOD)
        elif self._manners is not Manners.HANG:
            self._answer()
        return True  # the answer is still to come

    def _answer(self) -> None:
        length, digest, nonce, *words = self._words
        script, data = bytes(self._sent[: int(length)]), bytes(self._sent[int(length) :])
        if sha256(script).hexdigest() != digest or digest not in SCRIPTS:
            self._channel.exit(BAD_SCRIPT)
            return
        self._channel.write(framed(nonce, self._done(SCRIPTS[digest], words, data)))
        self._channel.exit(0)

    def _done(self, script: str, words: list[str], data: bytes) -> Any:
        if script == "probe":
            return {"fragments": self._probe(words, data)}
        write = WRITES.get(script)
        code = write(self._state, words[:GUARD], words[GUARD:], data) if write else "EARG"
        return {"code": code, "detail": ""}

    def _probe(self, words: list[str], data: bytes) -> dict[str, Any]:
        TOTAL["probes"] += 1
        found = {}
        for word in words:
            name, _, size = word.partition(":")
            about, data = data[: int(size)], data[int(size) :]
            found[name] = {"rc": 0, "out": base64.b64encode(self._fragment(name, about)).decode()}
        return found

    def _fragment(self, name: str, about: bytes) -> bytes:
        if name == "host":
            return self._state.host(self._recorded["host"].out)
        return self._state.sysctl(about) if name == "sysctl" else self._recorded[name].out


def framed(nonce: str, answer: Any) -> bytes:
    """As frame.sh."""
    text = json.dumps(answer, separators=(",", ":")).encode()
    seal = sha256(nonce.encode() + text).hexdigest()
    return b"KNP1 %b %d %b\n%b\nKNP1 %b END\n" % (
        nonce.encode(),
        len(text),
        seal.encode(),
        text,
        nonce.encode(),
    )


def manners(address: str) -> Manners:
    return MANNERS.get(int(address.split(".")[1]), Manners.GOOD)


class Server(asyncssh.SSHServer):
    """Lets in who has the lab's key."""

    def __init__(self, key: asyncssh.SSHKey, session: Any) -> None:
        self._key, self._session = key, session

    def public_key_auth_supported(self) -> bool:
        return True

    def connection_made(self, _conn: asyncssh.SSHServerConnection) -> None:
        TOTAL["open"] += 1

    def connection_lost(self, _error: Exception | None) -> None:
        TOTAL["open"] -= 1

    def auth_completed(self) -> None:
        TOTAL["logins"] += 1

    def validate_public_key(self, _username: str, key: asyncssh.SSHKey) -> bool:
        return key == self._key

    def session_requested(self) -> Any:
        return self._session()


class Nodes:
    """Listens on all addresses of loopback at one port."""

    def __init__(self, key: asyncssh.SSHKey, delay: float) -> None:
        self._key, self._delay = key, delay
        self._recorded = record()
        self._states: dict[str, State] = {}
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._options = asyncssh.SSHServerConnectionOptions(
            server_host_keys=[self.host_key], encoding=None, compression_algs=None, allow_scp=False
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, port: int) -> None:
        listener = socket.create_server(("0.0.0.0", port), backlog=4096)  # noqa: S104 - see _take
        listener.setblocking(False)
        print("ready", self.host_key.export_public_key().decode().strip(), flush=True)
        self._begin(_told())
        while True:
            taken, _ = await asyncio.get_running_loop().sock_accept(listener)
            self._begin(self._take(taken))

    async def _take(self, taken: socket.socket) -> None:
        address = taken.getsockname()[0]
        if not address.startswith("127."):
            taken.close()  # no other machine is a guest here
        elif manners(address) is Manners.MUTE:
            await asyncio.get_running_loop().sock_recv(taken, 0)
            await asyncio.sleep(3600)
        else:
            await self._serve(taken, address)

    async def _serve(self, taken: socket.socket, address: str) -> None:
        state = self._states.setdefault(address, State(address))
        session = partial(Session, state, self._recorded)
        end = await self._far(taken) if self._delay else taken
        try:
            await asyncssh.run_server(
                end,
                options=self._options,
                server_factory=partial(Server, self._key, session),
            )
        except (OSError, asyncssh.Error):
            end.close()

    async def _far(self, taken: socket.socket) -> socket.socket:
        """The other end of a line on which all takes half of the delay, the greeting a round trip
        more, for it goes out when TCP's own third packet has come.
        """
        await asyncio.sleep(self._delay)
        near, end = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=taken)
        back, forth = await asyncio.open_connection(sock=near)
        for source, sink in ((reader, forth), (back, writer)):
            self._begin(self._carry(source, sink))
        return end

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        later = asyncio.get_running_loop().call_later
        with suppress(OSError):
            while data := await source.read(1 << 16):
                later(self._delay / 2, sink.write, data)
        later(self._delay / 2, sink.close)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _told() -> None:
    while True:
        print("total", *TOTAL.values(), f"{time.time():.6f}", flush=True)
        await asyncio.sleep(TOLD)


def main(port: str, key: str, delay: str) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncssh.set_log_level("ERROR")
    nodes = Nodes(asyncssh.read_public_key(key), float(delay))
    asyncio.run(nodes.serve(int(port)))


if __name__ == "__main__":
    main(*sys.argv[1:])
