"""Plays aspects on a real node: lays it out, looks, carries a plan out over SSH, looks again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kaitu.core.aspect import Answer, Aspect
from kaitu.core.command import Command
from kaitu.core.plan import Plan
from kaitu.core.secrets import Secret
from kaitu.engine.codes import check
from kaitu.remote.connection import Connection
from kaitu.remote.ssh import Target, connect
from lab.node import Node

GUARD = ("installation", "fleet/node-1", "1", "process")
CLEAN = """
rm -rf /etc/cron.d/kaitu-* /etc/sysctl.d/99-z-kaitu.conf /etc/sysctl.d/zz-* /apps/kaitu-slave
mkdir -p /apps/kaitu-slave
"""


@dataclass
class Played:
    """What the node answered before, the plan that was done, and what it answered after."""

    before: dict[str, Answer]
    done: Plan
    after: dict[str, Answer]


def lay_out(node: Node, layout: Mapping[str, Any]) -> None:
    """Remove what is ours, then put ``files``, ``links`` and ``kernel`` values in place."""
    node.run(CLEAN)
    for path, text in layout.get("files", {}).items():
        node.write(path, text)
    for path, target in layout.get("links", {}).items():
        node.run(f"ln -s '{target}' '{path}'")
    for key, value in layout.get("kernel", {}).items():
        node.run(f"cat >/proc/sys/{key.replace('.', '/')}", input=f"{value}\n")


def play(node: Node, aspect: Aspect[Any, Any, Any], want: Any) -> Played:
    """One visit by hand, as a user with sudo; the first step that fails raises its KaituError."""
    return asyncio.run(_played(node, aspect, want))


async def _played(node: Node, aspect: Aspect[Any, Any, Any], want: Any) -> Played:
    key = Secret(node.keys.private)
    target = Target(node.address, node.port, "ubuntu", key, (node.host_key,))
    connection = await connect(target, lambda _: None)
    try:
        return await _visit(connection, aspect, want)
    finally:
        connection.abort()


async def _visit(connection: Connection, aspect: Aspect[Any, Any, Any], want: Any) -> Played:
    asked = aspect.probe(want).fragments
    before = await connection.probe(asked)
    plan = aspect.plan(want, aspect.parse(before, {}))
    for command in (Command("claim", ("-",)), *(step.command for step in plan)):
        check(command, await connection.write(command, GUARD))
    return Played(before, plan, await connection.probe(asked))
