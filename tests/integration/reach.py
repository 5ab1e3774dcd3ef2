"""A lab node reached as the operator does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from kaitu.core.errors import KaituError
from kaitu.core.facts import HostFacts, parse_host
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.remote.connection import Connection
from kaitu.remote.ssh import Target, connect
from lab.node import Node
from remote.servers import allow, run

GUARD: Final = ("inst-1", "edge/node-1", "1", "proc-1")
CANARY: Final = "CANARY-5c3e1f"
RESTART: Final = "systemctl reset-failed ssh && systemctl restart ssh"
SLACK: Final = 4.0
"""Seconds that a busy machine may add to a deadline of ours."""


def target(node: Node, **other: Any) -> Target:
    pinned = other.pop("host_keys", None) or (node.host_key,)  # a frozen node cannot be asked
    usual = Target(node.address, node.port, "root", Secret(node.keys.private), pinned)
    return replace(usual, **other)


async def host_of(link: Connection) -> HostFacts:
    answers = await link.probe({"host": b"/apps/kaitu-slave\n"})
    return parse_host(answers["host"])


def look(node: Node, **other: Any) -> HostFacts:
    """A whole visit's worth: log in, probe, leave."""

    async def test() -> HostFacts:
        link = await connect(target(node, **other), allow)
        try:
            return await host_of(link)
        finally:
            link.close()

    found: HostFacts = run(test())
    return found


def reason_of(node: Node, **other: Any) -> Reason:
    with pytest.raises(KaituError) as caught:
        look(node, **other)
    assert CANARY not in caught.value.message
    return caught.value.reason


def judge(node: Node, reason: Reason | None) -> None:
    """It fails for this reason, or it does not fail."""
    if reason:
        assert reason_of(node) is reason
    else:
        look(node)


@contextmanager
def configured(node: Node, lines: str) -> Iterator[None]:
    """sshd with these lines in front of its configuration."""
    path = "/etc/ssh/sshd_config.d/10-test.conf"
    node.write(path, lines)
    node.run(RESTART)
    try:
        yield
    finally:
        node.run(f"rm {path} && {RESTART}")
