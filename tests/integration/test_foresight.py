"""A plan is true: it tells which services a release touches, and making it moves nothing.

Random edits of a small stack: the engine makes the plan of each, and then carries it out; what
Docker says of the containers afterwards is compared with it.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from integration.edits import Stack, edited
from integration.fingerprint import deeds, differences, events, fingerprint, runs
from integration.visits import Visitor, compose, variables
from kaitu.core import foresight
from kaitu.core.outcome import Outcome, State
from kaitu.core.plan import Action
from kaitu.core.reasons import Reason
from kaitu.engine.visit import Visit
from lab.fleet import provision
from lab.node import Node
from lab.registry import Registry
from lab.stack import FOLDER

SEED = int(os.environ.get("FORESIGHT_SEED", "206"))
SAMPLE = 12
CAMPAIGN = int(os.environ.get("FORESIGHT_EDITS", "200"))
PLUGIN = os.environ.get("FORESIGHT_PLUGIN")  # file of another compose plugin to try


@pytest.fixture(scope="module")
def visitor(node: Node, pushed: Registry) -> Visitor:
    pushed.behave()
    if PLUGIN:
        node.docker.run("cp", PLUGIN, f"{node.container}:/usr/local/lib/docker-compose")
        place = "/usr/local/lib/docker/cli-plugins"
        node.run(f"mkdir -p {place} && mv /usr/local/lib/docker-compose {place}/")
    print(f"compose {node.run('docker compose version --short')}", flush=True)
    provision(node)
    visitor = Visitor(node)
    settle(visitor, Stack.first())
    return visitor


def sections(stack: Stack, **more: str) -> dict[str, Any]:
    update = {"attempts": 1, "gate": {"timeout": "60s"}}
    return {
        "compose": {"version": "1", "file": {"inline": stack.text}, "update": update, **more},
        "env": {**variables(**stack.variables), **more},
    }


def settle(visitor: Visitor, stack: Stack) -> Visit:
    found = visitor.settle(**sections(stack))
    assert compose(found).state is State.IN_SYNC, compose(found)
    return found


def foretold(visitor: Visitor, stack: Stack) -> dict[str, Action]:
    """What the plan says; making it must leave no trace on the node."""
    with untouched(visitor.node):
        outcome = compose(visitor.visit(**sections(stack, mode="Observe")))
    return told(outcome)


def told(outcome: Outcome) -> dict[str, Action]:
    assert all(step.services is not None for step in outcome.left), outcome.message
    return {name: action for step in outcome.left for name, action in step.services or ()}


@contextmanager
def untouched(node: Node) -> Iterator[None]:
    before, since = fingerprint(node), node.run("date +%s.%N").strip()
    yield
    assert (differences(before, fingerprint(node)), events(node, since)) == ([], [])


def done(visitor: Visitor, stack: Stack) -> tuple[dict[str, Action], dict[str, Action]]:
    """What the plan says, and what was then seen to happen."""
    if stack.by_hand:
        visitor.node.run(stack.by_hand)
    said = foretold(visitor, stack)
    before = runs(visitor.node)
    settle(visitor, stack)
    return said, deeds(before, runs(visitor.node))


def campaign(visitor: Visitor, count: int, seed: int) -> list[str]:
    """The edits whose plan was not true; each edit is printed as it is done."""
    source = random.Random(seed)  # noqa: S311 - edits, no secrets
    stack, wrong, tally = Stack.first(), list[str](), Counter[Action]()
    settle(visitor, stack)
    for number in range(1, count + 1):
        edit, stack = edited(stack, source)
        said, was = done(visitor, stack)
        tally.update(was.values())
        line = f"seed {seed}, edit {number}: {edit}: {_told(was)}"
        if said != was:
            wrong.append(line := f"{line}; BUT THE PLAN SAID {_told(said)}\n{stack.text}")
        print(line, flush=True)
    counts = ", ".join(f"{count} {action}" for action, count in tally.items())
    print(f"seed {seed}: {count} edits, {len(wrong)} plans wrong; services: {counts}", flush=True)
    return wrong


def _told(actions: Mapping[str, Action]) -> str:
    return ", ".join(f"{name} {action}" for name, action in sorted(actions.items())) or "nothing"


def test_the_plan_of_a_sample_of_edits_is_true(visitor: Visitor) -> None:
    assert campaign(visitor, SAMPLE, SEED) == []


@pytest.mark.soak
def test_the_plans_of_a_campaign_are_true(visitor: Visitor) -> None:
    assert campaign(visitor, CAMPAIGN, SEED) == []


def test_a_plan_that_is_wrong_is_found(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: this compose replaces what needs a replaced service, and the plan denies it."""
    stack = Stack.first()
    settle(visitor, stack)
    monkeypatch.setattr(foresight, "ripple", lambda _: foresight.Ripple.RESTART_TOLD)
    stack.services["front"]["environment"]["N"] = "planted"

    said, was = done(visitor, stack)

    assert was == dict.fromkeys(("front", "side", "back"), Action.RECREATED)
    assert said == dict.fromkeys(("front", "side"), Action.RECREATED)


@pytest.mark.parametrize(
    "deed",
    [
        f"touch {FOLDER}/docker-compose.yml",
        f"cp -p {FOLDER}/.env /run/x; cat /run/x >{FOLDER}/.env",
        "touch /dev/shm/x",
        "mkdir -p /root/.docker/x",
        "sysctl -qw net.ipv4.tcp_congestion_control=reno",
        "docker tag registry.lab:5000/k2-oc:v1 planted",
        "docker restart -t 3 $(docker ps -q | head -n 1)",
        "docker run --rm --entrypoint true registry.lab:5000/k2-oc:v1",
        "mount -t tmpfs planted /mnt",
    ],
)
def test_what_a_plan_must_not_do_is_seen(visitor: Visitor, deed: str) -> None:
    """The control of the other half: a trace on the node is found."""
    with pytest.raises(AssertionError), untouched(visitor.node):
        visitor.node.run(f"{{ {deed}; }} >/dev/null")


def test_what_the_node_cannot_read_is_said_in_the_plan(visitor: Visitor) -> None:
    stack = Stack.first()
    stack.services["lone"]["image"] = {"not": "a name"}

    outcome = compose(visitor.visit(**sections(stack, mode="Observe")))

    assert "the node's compose refuses the file" in outcome.message
    assert [step.services for step in outcome.left] == [None]


def test_what_no_hash_tells_is_unsure(visitor: Visitor) -> None:
    stack = Stack.first()
    stack.services["side"] = {**stack.services["lone"], "ports": [], "volumes_from": ["front"]}
    stack.services["back"]["depends_on"] = {}
    settle(visitor, stack)
    stack.services["lone"]["labels"] = {"a": "b"}

    said, was = done(visitor, stack)

    assert said == {"side": Action.UNSURE, "lone": Action.RECREATED}
    assert was == {"lone": Action.RECREATED}


def test_a_node_that_waits_for_a_slot_shows_what_it_would_do(visitor: Visitor) -> None:
    stack = Stack.first()
    settle(visitor, stack)
    stack.services["back"]["image"] = "registry.lab:5000/k2-oc:v2"

    outcome = compose(Visitor(visitor.node, brake=0).settle(**sections(stack)))

    assert outcome.reason is Reason.WAITING_FOR_SLOT
    assert told(outcome) == {"back": Action.RECREATED}


def test_a_living_node_shows_what_adopting_it_would_touch(visitor: Visitor) -> None:
    """Without our record nothing is known of it but what runs."""
    stack, node = Stack.first(), visitor.node
    settle(visitor, stack)
    node.run("rm -rf /var/lib/kaitu-operator")
    stack.services["lone"]["labels"] = {"adopted": "yes"}

    with untouched(node):
        outcome = compose(visitor.visit(**sections(stack)))
    before = runs(node)
    settle(Visitor(node, adopt=True), stack)

    assert outcome.reason is Reason.ADOPTION_REQUIRED
    assert told(outcome) == deeds(before, runs(node)) == {"lone": Action.RECREATED}
