"""One command: bounded whatever the node sends, and every way not to end has its reason."""

import asyncio
from socket import IPPROTO_TCP, SO_KEEPALIVE, SOL_SOCKET, TCP_KEEPIDLE
from typing import Any

import pytest

from kaitu.core.aspect import Answer
from kaitu.core.command import Command, Done
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote import connection
from kaitu.remote.ssh import connect
from remote.asks import CANARY, GUARD, failing, probe, write
from remote.frames import sealed
from remote.latency import Line, distant
from remote.servers import Behave, Process, allow, honest, run, sshd, target, words


def test_a_probe_and_a_write() -> None:
    async def test() -> None:
        async with sshd(honest) as seen:
            link = await connect(target(seen.port), allow)
            assert await probe(link) == {"host": Answer(0, b""), "docker": Answer(0, b"")}
            assert await write(link) == Done("OK")
            assert link.alive
            link.close()

    run(test())


def test_the_data_arrive_whole_and_end() -> None:
    """Stdin is closed behind the data, or a script that reads to the end would wait for ever."""
    heard = b""

    async def listen(process: Process) -> None:
        nonlocal heard
        heard = await process.stdin.read()
        process.stdout.write(sealed({"code": "OK", "detail": ""}, words(process)[2]))
        process.exit(0)

    async def test() -> None:
        async with sshd(listen) as seen:
            link = await connect(target(seen.port), allow)
            await link.write(Command("put_file", ("/etc/x",), CANARY * 100_000), GUARD)
            link.close()

    run(test())
    assert heard.endswith(CANARY * 100_000)


def test_a_node_is_asked_for_a_sign_of_life_during_a_command_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between commands the kernel of both sides does it."""
    monkeypatch.setattr(connection, "ASK_ALIVE", 0.05)
    lines: list[Line] = []
    asked: list[str] = []

    async def slow(process: Process) -> None:
        await process.stdin.read()
        lines[0].flights.clear()
        await asyncio.sleep(0.5)
        asked.extend(lines[0].flights)
        await honest(process)

    async def test() -> None:
        async with sshd(slow) as seen, distant("127.0.0.1", seen.port, 0) as line:
            lines.append(line)
            link = await connect(target(line.port), allow)
            await probe(link)
            assert {">", "<"} <= set(asked)
            await asyncio.sleep(0.2)  # the last of the channel is under way
            line.flights.clear()
            await asyncio.sleep(0.3)
            assert not line.flights
            socket = link._ssh.get_extra_info("socket")
            assert socket.getsockopt(SOL_SOCKET, SO_KEEPALIVE)
            assert socket.getsockopt(IPPROTO_TCP, TCP_KEEPIDLE) == 15
            link.close()

    run(test())


def test_every_question_has_a_nonce_of_its_own() -> None:
    nonces = set()

    async def note(process: Process) -> None:
        nonces.add(words(process)[2])
        await honest(process)

    async def test() -> None:
        async with sshd(note) as seen:
            link = await connect(target(seen.port), allow)
            for _ in range(5):
                await probe(link)
            link.close()

    run(test())
    assert len(nonces) == 5
    assert all(len(nonce) == 32 for nonce in nonces)


def test_an_answer_to_an_earlier_question_is_refused() -> None:
    first: list[str] = []

    async def replay(process: Process) -> None:
        first.append(words(process)[2])
        value = {"fragments": {name: {"rc": 0, "out": ""} for name in ("host", "docker")}}
        process.stdout.write(sealed(value, first[0]))
        process.exit(0)

    async def test() -> None:
        async with sshd(replay) as seen:
            link = await connect(target(seen.port), allow)
            await probe(link)
            with pytest.raises(KaituError) as caught:
                await probe(link)
            assert caught.value.reason is Reason.PROBE_REJECTED
            link.close()

    run(test())


@pytest.mark.parametrize(("user", "prefix"), [("root", "timeout "), ("ubuntu", "sudo -n -- t")])
def test_only_who_is_not_root_needs_sudo(user: str, prefix: str) -> None:
    lines = []

    async def note(process: Process) -> None:
        lines.append(process.command or "")
        await honest(process)

    async def test() -> None:
        async with sshd(note) as seen:
            link = await connect(target(seen.port, user=user), allow)
            await probe(link)
            link.close()

    run(test())
    assert lines[0].startswith(prefix)


def test_one_command_at_a_time() -> None:
    async def test() -> None:
        async with sshd(honest) as seen:
            link = await connect(target(seen.port), allow)
            await asyncio.gather(*(probe(link) for _ in range(5)))
            assert seen.most_running == 1
            link.close()

    run(test())


# Ends that are no answer


def ends(status: int, out: bytes = b"", err: bytes = b"") -> Behave:
    async def behave(process: Process) -> None:
        await process.stdin.read()
        process.stdout.write(out)
        process.stderr.write(err)
        process.exit(status)

    return behave


async def killed(process: Process) -> None:
    await process.stdin.read()
    process.exit_with_signal("KILL")


async def no_status(process: Process) -> None:
    await process.stdin.read()
    process.close()


async def honest_but_failed(process: Process) -> None:
    value = {"fragments": {name: {"rc": 0, "out": ""} for name in ("host", "docker")}}
    process.stdout.write(sealed(value, words(process)[2]))
    process.exit(1)


async def honest_but_killed(process: Process) -> None:
    value = {"fragments": {name: {"rc": 0, "out": ""} for name in ("host", "docker")}}
    process.stdout.write(sealed(value, words(process)[2]))
    process.exit_with_signal("KILL")


async def broken(process: Process) -> None:
    await process.stdin.read(10)
    process.stdout.write(b"KNP1 ")
    await process.stdout.drain()
    process.get_extra_info("connection").abort()


HELP = b"Usage: kaitu [OPTIONS]\n" + CANARY
NO_PASSWORD = b"sudo: a password is required\n"
NO_UNSHARE = "timeout: failed to run command \u2018unshare\u2019: No such file or directory\n"
ENDS = {
    "help text": (ends(0, HELP), Reason.PROBE_REJECTED),
    "nothing": (ends(0), Reason.PROBE_REJECTED),
    "nologin": (ends(1, b"This account is currently not available.\n"), Reason.PROBE_REJECTED),
    "script damaged": (ends(86), Reason.PROBE_REJECTED),
    "killed": (killed, Reason.PROBE_REJECTED),
    "no status": (no_status, Reason.PROBE_REJECTED),
    "status 1 behind an answer": (honest_but_failed, Reason.PROBE_REJECTED),
    "signal behind an answer": (honest_but_killed, Reason.PROBE_REJECTED),
    "node's own timeout": (ends(124), Reason.VISIT_DEADLINE),
    "killed by it": (ends(137), Reason.VISIT_DEADLINE),
    "password": (ends(1, b"", NO_PASSWORD), Reason.NO_PRIVILEGE),
    "sudo-rs": (ends(1, b"", b"sudo-rs: authentication failed\n"), Reason.NO_PRIVILEGE),
    "sudoers": (ends(1, b"", b"u is not in the sudoers file.\n" + CANARY), Reason.NO_PRIVILEGE),
    "not allowed": (
        ends(
            1, b"", b"Sorry, user u is not allowed to execute '/usr/bin/timeout' as root on n.\n"
        ),
        Reason.NO_PRIVILEGE,
    ),
    "no sudo": (ends(127, b"", b"bash: line 1: sudo: command not found\n"), Reason.NO_PRIVILEGE),
    "no sudo, fish": (ends(127, b"", b"fish: Unknown command: sudo\n"), Reason.NO_PRIVILEGE),
    "no timeout": (ends(1, b"", b"sudo: timeout: command not found\n"), Reason.TOOL_MISSING),
    "no timeout, dash": (ends(127, b"", b"sh: 1: timeout: not found\n"), Reason.TOOL_MISSING),
    "no sha256sum": (ends(86, b"", b"sh: 1: sha256sum: not found\n"), Reason.TOOL_MISSING),
    "no unshare": (ends(127, b"", NO_UNSHARE.encode()), Reason.TOOL_MISSING),
    "no unshare, busybox": (
        ends(127, b"", b"timeout: can't execute 'unshare': No such file or directory\n"),
        Reason.TOOL_MISSING,
    ),
    "no mounts": (
        ends(1, b"", b"unshare: unshare failed: Operation not permitted\n"),
        Reason.TOOL_CONTRACT,
    ),
    "broken": (broken, Reason.CONNECTION_LOST),
    "no session": (None, Reason.CHANNEL_REFUSED),
}
UNFINISHED = {
    "node's own timeout",
    "killed by it",
    "broken",
    "killed",
    "no status",
    "signal behind an answer",
}


@pytest.mark.parametrize(("behave", "reason"), ENDS.values(), ids=ENDS)
def test_no_answer_has_a_reason(behave: Behave | None, reason: Reason) -> None:
    assert run(failing(behave)).reason is reason


@pytest.mark.parametrize("name", ENDS)
def test_a_write_that_may_have_happened_is_of_unknown_outcome(name: str) -> None:
    behave, reason = ENDS[name]
    wanted = Reason.OUTCOME_UNKNOWN if name in UNFINISHED else reason
    assert run(failing(behave, write)).reason is wanted


@pytest.mark.parametrize("ask", [probe, write])
def test_a_connection_that_breaks_before_the_request_is_just_lost(ask: Any) -> None:
    assert run(failing(None, ask, cut=True)).reason is Reason.CONNECTION_LOST
