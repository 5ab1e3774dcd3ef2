"""Cases of sysctl, cron and env played on a real node, over SSH and sudo, by the scripts we ship.

The node is laid out as the case says; it must answer so that the same plan and the same problem
follow. Then the plan is carried out, the next one must be empty, and nothing else may have moved.
"""

import base64
from typing import Any

import pytest

from aspects.cases import Case, load
from aspects.real import lay_out, play
from lab.node import Node

NODE = {"engine": False}
CASES = [
    case for name in ("sysctl", "cron", "env") for case in load(name) if case.real is not None
]
SHOWN = frozenset({"text", "item", "kind", "disrupts", "script"})
LISTED = "sha256sum /etc/sysctl.conf /etc/cron.d/* /etc/sysctl.d/* 2>/dev/null; cat /etc/crontab"
CANARY = b"canary-of-the-node"


def not_ours(node: Node, case: Case) -> tuple[list[str], list[str]]:
    """All files beside those that we manage, and the lines of .env that we do not manage."""
    section: Any = case.desired().sections[case.aspect.name]
    ours = tuple(step.item for step in case.aspect.plan(case.want(), case.facts()))
    files = [line for line in node.run(LISTED).splitlines() if not line.endswith(ours)]
    names = tuple(var.name for var in getattr(section, "vars", ()))
    lines = node.run("cat /apps/kaitu-slave/.env 2>/dev/null || :").splitlines()
    return files, [line for line in lines if not line.startswith(names)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case_on_a_real_node(node: Node, case: Case) -> None:
    lay_out(node, case.real or {})
    theirs, want = not_ours(node, case), case.want()

    played = play(node, case.aspect, want)

    before, after = case.facts(played.before), case.facts(played.after)
    case.assert_facts(before)
    case.assert_steps(want, before, only=SHOWN)
    case.assert_problem(want, before)
    assert case.aspect.plan(want, after) == ()
    assert not_ours(node, case) == theirs
    for answer in (*played.before.values(), *played.after.values()):
        assert CANARY not in answer.out
        assert base64.b64encode(CANARY)[:-2] not in answer.out


def test_every_aspect_has_cases_for_a_real_node() -> None:
    assert {case.aspect.name for case in CASES} == {"sysctl", "cron", "env"}
