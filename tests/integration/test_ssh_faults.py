"""What goes wrong on the way to a node: each fault has its reason, within its time."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from integration.reach import (
    CANARY,
    GUARD,
    SLACK,
    configured,
    judge,
    look,
    reason_of,
    target,
)
from kaitu.core.command import Command
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote.ssh import connect
from lab.faults import fault
from lab.node import Node
from lab.wait import until
from remote.servers import USER_KEY, allow, private, run

NODE = {"engine": False}

FAULTS = [
    ("drop", Reason.DIAL_TIMEOUT, 5),
    ("reject", Reason.DIAL_REFUSED, 1),
    ("sshd", Reason.DIAL_REFUSED, 1),
    ("freeze", Reason.BANNER_TIMEOUT, 10),
    ("auth", Reason.AUTH_FAILED, 5),
    ("hostkey", Reason.HOST_KEY_CHANGED, 5),
]


@pytest.mark.parametrize(("name", "reason", "seconds"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_fault_has_its_reason_in_time(
    node: Node, name: str, reason: Reason, seconds: float
) -> None:
    pinned = (node.host_key,)
    with fault(node, name):
        started = time.monotonic()
        assert reason_of(node, host_keys=pinned) is reason
        assert time.monotonic() - started < seconds + SLACK
    until(lambda: node.ssh("true")[0] == 0, 30, f"end of {name}")


def test_an_unplugged_node_is_not_called_refusing(node: Node) -> None:
    with fault(node, "unplug"):
        assert reason_of(node) in {Reason.DIAL_TIMEOUT, Reason.DIAL_UNREACHABLE}
    until(lambda: node.ssh("true")[0] == 0, 30, "end of unplug")


def test_a_changed_host_key_sees_no_login(node: Node) -> None:
    """The node's own log says whether a login was begun; that of a wrong key is."""
    pinned, start = (node.host_key,), node.run("date +%s").strip()

    def refused() -> str:
        log = f"journalctl --no-pager -t sshd -t sshd-session --since @{start}"
        return node.run(f"{log} | grep -F preauth || true")

    with fault(node, "hostkey"):
        assert reason_of(node, host_keys=pinned) is Reason.HOST_KEY_CHANGED
        log = until(refused, 10, "sshd's word about it")
        assert "user root" not in log
        assert reason_of(node, private_key=private(USER_KEY)) is Reason.AUTH_FAILED
        until(lambda: "user root" in refused(), 10, "sshd's word about the login")


def test_sudo_that_asks_for_a_password(node: Node) -> None:
    with fault(node, "nosudo"):
        assert reason_of(node, user="ubuntu") is Reason.NO_PRIVILEGE


def test_sudo_that_is_not_there(node: Node) -> None:
    node.run("mv /usr/bin/sudo /usr/bin/sudo.off")
    try:
        assert reason_of(node, user="ubuntu") is Reason.NO_PRIVILEGE
    finally:
        node.run("mv /usr/bin/sudo.off /usr/bin/sudo")


@pytest.mark.parametrize(
    ("user", "tool"), [("root", "timeout"), ("ubuntu", "timeout"), ("root", "sha256sum")]
)
def test_a_missing_tool_is_named(node: Node, user: str, tool: str) -> None:
    node.run(f"mv /usr/bin/{tool} /usr/bin/{tool}.off")
    try:
        with pytest.raises(KaituError, match=tool) as caught:
            look(node, user=user)
        assert caught.value.reason is Reason.TOOL_MISSING
    finally:
        node.run(f"mv /usr/bin/{tool}.off /usr/bin/{tool}")


def test_a_shell_that_lets_nobody_in(node: Node) -> None:
    node.run("usermod -s /bin/false ubuntu")
    try:
        assert reason_of(node, user="ubuntu") is Reason.PROBE_REJECTED
    finally:
        node.run("usermod -s /bin/bash ubuntu")


STARTS = {
    f"echo Welcome, {CANARY}": Reason.PROBE_REJECTED,
    "echo hello >&2": None,
    f"exec yes {CANARY}": Reason.OUTPUT_OVERFLOW,
    f"exec yes {CANARY} >&2": Reason.OUTPUT_OVERFLOW,
    "exit 0": Reason.PROBE_REJECTED,
    "kill -9 $$": Reason.PROBE_REJECTED,
    "printf() { echo 0; }; export -f printf": None,
}


@pytest.mark.parametrize(("line", "reason"), STARTS.items(), ids=STARTS)
def test_what_a_start_file_of_the_shell_does(node: Node, line: str, reason: Reason | None) -> None:
    node.run(f"cp /root/.bashrc /root/.bashrc.off && echo '{line}' >/root/.bashrc")
    try:
        judge(node, reason)
    finally:
        node.run("mv /root/.bashrc.off /root/.bashrc")


CONFIGS = {
    f"ForceCommand echo Usage: {CANARY}": Reason.PROBE_REJECTED,
    "ForceCommand true": Reason.PROBE_REJECTED,
    "ForceCommand internal-sftp": Reason.PROBE_REJECTED,
    "MaxSessions 0": Reason.CHANNEL_REFUSED,
    "KexAlgorithms diffie-hellman-group14-sha256": Reason.ALGORITHM_MISMATCH,
    "Ciphers aes256-ctr": Reason.ALGORITHM_MISMATCH,
    "PubkeyAuthentication no": Reason.AUTH_FAILED,
    "AllowUsers nobody": Reason.AUTH_FAILED,
    "Ciphers chacha20-poly1305@openssh.com": None,
    "Banner /etc/os-release": None,
    "KexAlgorithms curve25519-sha256": None,
}


@pytest.mark.parametrize(("lines", "reason"), CONFIGS.items(), ids=CONFIGS)
def test_what_a_configuration_of_sshd_does(node: Node, lines: str, reason: Reason | None) -> None:
    with configured(node, f"{lines}\n"):
        judge(node, reason)


def test_an_sshd_with_too_many_callers_is_not_called_foreign(node: Node) -> None:
    with fault(node, "maxstartups", count="1"), ExitStack() as callers:
        for _ in range(2):
            callers.enter_context(_caller(node))
        assert until(lambda: reason_of(node) is Reason.CONNECTION_LOST, 10, "a refusal")
    until(lambda: node.ssh("true")[0] == 0, 30, "end of maxstartups")


@contextmanager
def _caller(node: Node) -> Iterator[None]:
    """Somebody who connects and says nothing."""
    with socket.create_connection((node.address, node.port)):
        yield


# While a command runs


@contextmanager
def held(node: Node) -> Iterator[None]:
    """Somebody holds the node's lock, so that a write has to wait."""
    node.run("install -d -m 700 /var/lib/kaitu-operator")
    node.run("setsid flock /var/lib/kaitu-operator/lock sleep 60 >/dev/null 2>&1 &")
    try:
        yield
    finally:
        node.run("pkill -f '^sleep 60'")


@pytest.mark.parametrize("name", ["sessions", "drop", "freeze"])
def test_a_write_that_is_cut_is_of_unknown_outcome(node: Node, name: str) -> None:
    """Within the keepalive's time, also when nothing says that the connection is gone."""

    async def test() -> None:
        link = await connect(target(node), allow)
        with ExitStack() as undo:
            writing = asyncio.create_task(link.write(Command("claim", ("-",)), GUARD))
            waiting = "pgrep -f '^flock -w'"
            await asyncio.to_thread(until, lambda: node.run(waiting), 10, "the waiting write")
            started = time.monotonic()
            await asyncio.to_thread(undo.enter_context, fault(node, name))
            with pytest.raises(KaituError) as caught:
                await writing
            assert caught.value.reason is Reason.OUTCOME_UNKNOWN
            assert time.monotonic() - started < 20 + SLACK
            assert not link.alive

    with held(node):
        run(test(), 60)
