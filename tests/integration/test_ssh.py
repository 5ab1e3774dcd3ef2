"""SSH as it should be: a real sshd, real sudo; nothing is left behind, nothing leaks."""

import asyncio
from hashlib import sha256

import pytest

from integration.reach import (
    CANARY,
    GUARD,
    host_of,
    look,
    target,
)
from kaitu.core.command import Command, Done
from kaitu.core.text import MARK
from kaitu.remote.ssh import connect
from lab.node import Node
from lab.wait import until
from remote.latency import distant
from remote.servers import allow, run

NODE = {"engine": False}


@pytest.mark.parametrize("user", ["root", "ubuntu"])
def test_a_probe_and_a_write_as_root_and_by_sudo(node: Node, user: str) -> None:
    async def test() -> None:
        link = await connect(target(node, user=user), allow)
        shown = node.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
        assert link.fingerprint == shown.split()[1]
        assert await link.write(Command("claim", ("-",)), GUARD) == Done("OK", "")
        host = await host_of(link)
        assert host.owner == (GUARD[0], GUARD[1])
        link.close()

    run(test())
    assert node.read("/var/lib/kaitu-operator/owner") == f"{GUARD[0]} {GUARD[1]}\n"


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_the_login_shell_does_not_matter(node: Node, shell: str) -> None:
    node.run(f"usermod -s {shell} ubuntu")
    look(node, user="ubuntu")


def test_data_are_neither_in_argv_nor_in_the_logs(node: Node) -> None:
    """sudo writes the command line to the log; what is secret goes on stdin."""
    words = ("/etc/cron.d/kaitu-x", "644", "0" * 64, str(len(CANARY)), "any")

    async def test() -> None:
        link = await connect(target(node, user="ubuntu"), allow)
        await link.write(Command("claim", ("-",)), GUARD)
        done = await link.write(Command("put_file", words, CANARY.encode()), GUARD)
        assert done.code == "EDIGEST"
        link.close()

    run(test())
    said = "journalctl --no-pager"
    until(lambda: words[0] in node.run(f"{said} -t sudo"), 10, "what sudo logs")
    assert CANARY not in node.run(said)


def test_a_hundred_commands_leave_no_session_behind(node: Node) -> None:
    """sshd allows ten sessions on a connection, so that an eleventh would fail."""

    async def test() -> None:
        link = await connect(target(node), allow)
        await host_of(link)
        served = _served(node)
        for _ in range(100):
            await host_of(link)
        assert _served(node) == served > 0
        link.close()

    run(test(), 120)
    until(lambda: _served(node) == 0, 10, "end of the connection")


def _served(node: Node) -> int:
    """How many processes sshd has for logins of root."""
    return len(node.run("pgrep -f '^sshd(-session)?: root' || true").split())


def test_a_visit_given_up_a_dozen_times_leaves_none_either(node: Node) -> None:
    """The channel of a command that was given up stays taken: the connection goes with it."""

    async def test() -> None:
        for _ in range(12):
            link = await connect(target(node), allow)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await host_of(link)
            assert not link.alive
        link = await connect(target(node), allow)
        await host_of(link)
        link.close()

    run(test())


def test_a_login_asks_nothing_that_is_known(node: Node) -> None:
    """Two for versions and algorithms, one for the keys, one for the leave and the proof."""

    async def test() -> None:
        async with distant(node.address, node.port, 0.05) as line:
            link = await connect(target(node, host="127.0.0.1", port=line.port), allow)
            assert line.round_trips() <= 4, line.flights
            link.close()

    run(test())


def test_a_probe_on_an_open_connection_takes_two_round_trips(node: Node) -> None:
    """One for the channel; the command and its input share the other."""

    async def test() -> None:
        async with distant(node.address, node.port, 0.05) as line:
            link = await connect(target(node, host="127.0.0.1", port=line.port), allow)
            for _ in range(3):
                await asyncio.sleep(0.3)  # what the last command left is under way
                line.flights.clear()
                await host_of(link)
                assert line.round_trips() == 2, line.flights
            link.close()

    run(test())


@pytest.mark.parametrize("size", [200, 1_000_000, 1 << 20])
def test_input_of_any_size_arrives_whole(node: Node, size: int) -> None:
    """Also what is sent ahead of sshd's leave, and what is too much to be sent so."""
    data = f"{MARK}\n".encode()
    data += b"#" * (size - len(data) - 1) + b"\n"
    path = f"/etc/cron.d/kaitu-size-{size}"

    async def test() -> None:
        link = await connect(target(node), allow)
        await link.write(Command("claim", ("-",)), GUARD)
        words = (path, "644", sha256(data).hexdigest(), str(size), "absent")
        assert await link.write(Command("put_file", words, data), GUARD) == Done("OK", "")
        link.close()

    run(test(), 40)
    assert node.run(f"sha256sum <{path}; rm {path}").split()[0] == sha256(data).hexdigest()
