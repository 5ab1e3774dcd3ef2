"""Cases of sysctl, cron and env played on a real node, over SSH and sudo, by the scripts we ship.

The node is laid out as the case says; it must answer so that the same plan and the same problem
follow. Then the plan is carried out, the next one must be empty, and nothing else may have moved.
"""

import asyncio
import base64
from dataclasses import dataclass
from typing import Any

import pytest

from aspects.cases import Case, load
from kaitu.core.aspect import Answer
from kaitu.core.command import Command
from kaitu.core.plan import Plan
from kaitu.core.secrets import Secret
from kaitu.engine.codes import check
from kaitu.remote.connection import Connection
from kaitu.remote.ssh import Target, connect
from lab.node import Node

NODE = {"engine": False}
GUARD = ("installation", "fleet/node-1", "1", "process")
CASES = [
    case for name in ("sysctl", "cron", "env") for case in load(name) if case.real is not None
]
TEXT = frozenset({"text", "item", "kind", "disrupts", "script"})
CLEAN = """
rm -rf /etc/cron.d/kaitu-* /etc/sysctl.d/99-z-kaitu.conf /etc/sysctl.d/zz-* /apps/kaitu-slave
mkdir -p /apps/kaitu-slave
"""
LISTED = "sha256sum /etc/sysctl.conf /etc/cron.d/* /etc/sysctl.d/* 2>/dev/null; cat /etc/crontab"
CANARY = "canary-of-the-node"


@dataclass
class Played:
    """What the node answered before, the plan that was done, and what it answered after."""

    before: dict[str, Answer]
    done: Plan
    after: dict[str, Answer]


def lay_out(node: Node, case: Case) -> None:
    node.run(CLEAN)
    layout = case.real or {}
    for path, text in layout.get("files", {}).items():
        node.write(path, text)
    for path, target in layout.get("links", {}).items():
        node.run(f"ln -s '{target}' '{path}'")
    for key, value in layout.get("kernel", {}).items():
        node.run(f"cat >/proc/sys/{key.replace('.', '/')}", input=f"{value}\n")


async def play(node: Node, case: Case) -> Played:
    target = Target(node.address, node.port, "ubuntu", Secret(node.keys.private), (node.host_key,))
    connection = await connect(target, lambda _: None)
    try:
        return await _play(connection, case)
    finally:
        connection.abort()


async def _play(connection: Connection, case: Case) -> Played:
    want = case.want()
    asked = case.aspect.probe(want).fragments
    before = await connection.probe(asked)
    plan = case.aspect.plan(want, case.facts(before))
    for command in (Command("claim", ("-",)), *(step.command for step in plan)):
        check(command, await connection.write(command, GUARD))
    return Played(before, plan, await connection.probe(asked))


def not_ours(node: Node, case: Case) -> tuple[list[str], list[str]]:
    """All files beside those that we manage, and the lines of .env that we do not manage."""
    section: Any = case.desired().sections[case.aspect.name]
    ours = ["/etc/sysctl.d/99-z-kaitu.conf"] if case.aspect.name == "sysctl" else []
    ours += [step.item for step in case.aspect.plan(case.want(), case.facts())]
    files = [line for line in node.run(LISTED).splitlines() if not line.endswith(tuple(ours))]
    names = tuple(var.name for var in getattr(section, "vars", ()))
    lines = node.run("cat /apps/kaitu-slave/.env 2>/dev/null || :").splitlines()
    return files, [line for line in lines if not line.startswith(names)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case_on_a_real_node(node: Node, case: Case) -> None:
    lay_out(node, case)
    theirs = not_ours(node, case)

    played = asyncio.run(play(node, case))

    want, before, after = case.want(), case.facts(played.before), case.facts(played.after)
    case.assert_facts(before)
    case.assert_steps(want, before, only=TEXT)
    case.assert_problem(want, before)
    assert case.aspect.plan(want, after) == ()
    assert not_ours(node, case) == theirs
    for answer in (*played.before.values(), *played.after.values()):
        assert CANARY.encode() not in answer.out
        assert base64.b64encode(CANARY.encode())[:-2] not in answer.out


def test_every_aspect_has_cases_for_a_real_node() -> None:
    assert {case.aspect.name for case in CASES} == {"sysctl", "cron", "env"}
