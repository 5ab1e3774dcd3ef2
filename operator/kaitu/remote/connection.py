"""A node that has been logged in to: the engine's transport, one command at a time."""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncssh

from kaitu.core.aspect import Answer
from kaitu.core.command import CATALOGUE, Command, Done
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote import dial, frame, observed
from kaitu.remote.exec import Exec, Outcome
from kaitu.remote.loader import BAD_SCRIPT, argv, payload
from kaitu.remote.observed import NOBODY, Observer

GRACE: Final = 10.0
"""Seconds that a command may take longer than the limit that the node itself sets for it."""

ASK_ALIVE: Final = 5
"""Seconds of silence during a command until the node is asked whether it lives; three times.

Between commands nobody asks: the kernel notices most of what dies, and the next visit the rest.
"""

_TOOL: Final = "dd|sha256sum|sh|sudo|timeout"
_NO_TOOL: Final = re.compile(
    rf"\b(?:({_TOOL}): (?:command )?not found|(?:not found|Unknown command): ({_TOOL})\b"
    r"|timeout: (?:failed to run command|can't execute) \W+(unshare|sh)\W)"
)
_NO_MOUNTS: Final = re.compile(r"^unshare: ", re.MULTILINE)
_NO_SUDO: Final = re.compile(
    r"^sudo(-rs)?: |is not in the sudoers file|is not allowed to (execute|run) ", re.MULTILINE
)
_TIMED_OUT: Final = {124, 137}  # by the node's own `timeout`


@dataclass(frozen=True, slots=True)
class Hop:
    """A host that was logged in to; ``label`` is how messages call it."""

    label: str
    ssh: asyncssh.SSHClientConnection
    address: str


Entered = tuple[Hop, ...]
"""What a login gives: the jumps on the way, and last the node. Each ends with the next."""


class Connection:
    """An authenticated connection; ``alive`` until something broke or it was ended.

    ``fingerprint`` is the SHA256 one of the key that the node answered with.
    ``enter`` logs in once more. ``reused`` says that it was kept since an earlier visit and has
    shown no sign of life in this one: where it has died without our notice, a probe enters again.
    """

    def __init__(
        self,
        entered: Entered,
        user: str,
        enter: Callable[[], Awaitable[Entered]],
        observer: Observer = NOBODY,
    ) -> None:
        self._observer = observer
        self._take(entered)
        self._enter = enter
        self._ended = self._aborted = False
        self._sudo = user != "root"
        self._turn = asyncio.Lock()
        self._way = asyncio.Lock()
        self.reused = False
        self.known = b""

    def _take(self, entered: Entered) -> None:
        *jumps, node = entered
        self._ssh, self.address = node.ssh, node.address
        self._last_jump = jumps[-1] if jumps else None
        self.addresses = tuple(hop.address for hop in entered)
        key = node.ssh.get_server_host_key()
        self.fingerprint = str(key.get_fingerprint()) if key else ""

    @property
    def alive(self) -> bool:
        """asyncssh says only some turns of the loop later that it was aborted."""
        return not self._aborted and not self._ssh.is_closed()

    @property
    def busy(self) -> bool:
        return self._turn.locked()

    async def probe(self, data: Mapping[str, bytes]) -> dict[str, Answer]:
        """Ask for these fragments, each with its data, in one execution."""
        async with self._way:
            try:
                return await self._probe(data)
            except KaituError as error:
                if not self.reused or error.reason is not Reason.CONNECTION_LOST:
                    raise
            await self._renew()
            return await self._probe(data)

    async def _renew(self) -> None:
        self._take(await self._enter())
        self._aborted = self.reused = False
        if self._ended:
            self.abort()
            raise KaituError(Reason.CONNECTION_LOST, "the connection is not wanted any more")

    async def _probe(self, data: Mapping[str, bytes]) -> dict[str, Answer]:
        words = tuple(f"{name}:{len(sent)}" for name, sent in data.items())
        command = Command("probe", words, b"".join(data.values()))
        return frame.fragments(await self._answer(command, ()), data.keys())

    async def read(self, command: Command) -> dict[str, Answer]:
        """Run a command that only looks."""
        return frame.fragments(await self._answer(command, ()), {command.script})

    async def write(self, command: Command, guard: tuple[str, ...]) -> Done:
        """Run a writing command; OutcomeUnknown when nobody can say whether it was done."""
        return frame.done(await self._answer(command, guard))

    async def dial(self, ports: tuple[int, ...]) -> dict[int, str]:
        """From where we are; behind jumps, where we cannot reach, from the last of them: by then
        a probe that was begun has found out whether it is still there.
        """
        if self._last_jump is None:
            return await dial.dial(self.address, ports)
        async with self._way:
            return await dial.dial_from(self._last_jump.ssh, self.address, ports)

    async def _answer(self, command: Command, guard: tuple[str, ...]) -> Any:
        with observed.command(self._observer, command.script):
            return await self._asked(command, guard)

    async def _asked(self, command: Command, guard: tuple[str, ...]) -> Any:
        nonce = secrets.token_hex(16)
        line = argv(command, nonce, guard, sudo=self._sudo)
        async with self._turn:
            outcome = await self._run(command, line)
        if error := failure(outcome, command.script):
            ended = outcome.status not in {None, *_TIMED_OUT}
            raise error if ended else _unknown(command, error)
        self.reused = False
        return frame.parse(outcome.stdout, nonce)

    async def _run(self, command: Command, line: str) -> Outcome:
        """Anything but a clean end costs the connection: its channel would leak."""
        script = CATALOGUE[command.script]
        work, clean = Exec(payload(command), script.most_bytes), False
        self._ssh.set_keepalive(ASK_ALIVE)
        try:
            async with asyncio.timeout(script.seconds + GRACE):
                outcome = await work.run(self._ssh, line)
            clean = not outcome.overflow
        except Exception as error:  # noqa: BLE001 - a hostile peer makes asyncssh raise anything
            found = self._broken(error, command.script)
            raise (_unknown(command, found) if work.sent else found) from None
        finally:
            self._ssh.set_keepalive(0)
            if not clean:
                self.abort()
        return outcome

    def _broken(self, error: Exception, script: str) -> KaituError:
        if isinstance(error, TimeoutError):
            return KaituError(Reason.VISIT_DEADLINE, f"no answer to {script} in time")
        if isinstance(error, asyncssh.ChannelOpenError) and self.alive:
            return KaituError(Reason.CHANNEL_REFUSED, f"sshd refused a session for {script}")
        return KaituError(Reason.CONNECTION_LOST, f"the connection broke during {script}")

    def close(self) -> None:
        """End it in good order; a command that still runs on it ends as ConnectionLost."""
        self._ended = True
        self._ssh.close()

    def abort(self) -> None:
        self._aborted = True
        self._ssh.abort()


def failure(outcome: Outcome, script: str) -> KaituError | None:
    """Why the stream of this command cannot be an answer. No text of the node is repeated."""
    if outcome.overflow:
        return KaituError(Reason.OUTPUT_OVERFLOW, f"{script} sent far more than an answer")
    if outcome.lost:
        return KaituError(Reason.CONNECTION_LOST, f"the connection broke during {script}")
    if outcome.status in _TIMED_OUT:
        return KaituError(Reason.VISIT_DEADLINE, f"{script} did not finish in time on the node")
    if outcome.status == 0:
        return None
    return _refused(outcome.stderr.decode(errors="replace")) or _odd(outcome.status, script)


def _refused(complaint: str) -> KaituError | None:
    """What the shell or sudo said before a line of ours ran."""
    if found := _NO_TOOL.search(complaint):
        tool = found[1] or found[2] or found[3]
        reason = Reason.NO_PRIVILEGE if tool == "sudo" else Reason.TOOL_MISSING
        return KaituError(reason, f"the node lacks {tool}")
    if _NO_MOUNTS.search(complaint):
        text = "unshare of the node gives a command no mounts of its own"
        return KaituError(Reason.TOOL_CONTRACT, text)
    if _NO_SUDO.search(complaint):
        return KaituError(Reason.NO_PRIVILEGE, "sudo does not let the user run commands as root")
    return None


def _odd(status: int | None, script: str) -> KaituError:
    if status == BAD_SCRIPT:
        why = "did not arrive whole, so nothing of it ran"
    elif status is None:
        why = "was killed"
    else:
        why = f"ended with status {status}"
    return KaituError(Reason.PROBE_REJECTED, f"the node's answer is not believed: {script} {why}")


def _unknown(command: Command, error: KaituError) -> KaituError:
    """Of a write that did not come to its end nobody can say whether it was done."""
    if CATALOGUE[command.script].writes and error.reason is not Reason.CHANNEL_REFUSED:
        return KaituError(Reason.OUTCOME_UNKNOWN, error.message)
    return error
