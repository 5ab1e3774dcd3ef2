"""The fleet brake on real nodes: a release goes from node to node, and stops where it fails."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import pytest

from integration.conftest import NUMBERS
from integration.standing import STATE, slow
from integration.trio import Trio, most_at_once, other
from integration.witness import Witness
from lab import fleet
from lab.cluster import Cluster
from lab.faults import fault
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.run import Lab
from lab.wait import until


@pytest.fixture(scope="module")
def bare(lab: Lab, cluster: Cluster) -> Iterator[Trio]:
    """Three new nodes, and nobody over them yet."""
    with ExitStack() as ending:

        def start(policy: str, *more: str) -> Operator:
            file = lab.state / f"policy-{cluster.namespace}.yaml"
            file.write_text(policy)
            log = lab.state / f"operator-{cluster.namespace}-{next(NUMBERS)}.log"
            words = ("--namespace", cluster.namespace, "--policy", str(file), *more)
            operator = Operator.start(lab.control_plane, log, *words)
            ending.callback(operator.stop)
            return operator

        nodes = {name: lab.node(name) for name in ("fleet-1", "fleet-2", "fleet-3")}
        for node in nodes.values():
            ending.callback(node.remove)
            fleet.provision(node)
        yield Trio(cluster, nodes, start, slow("v1", 3))


@pytest.fixture(scope="module")
def founded(bare: Trio, pushed: Registry) -> Mapping[str, Witness]:
    """How the three came up under a policy that lets two be changed at the same time."""
    pushed.behave()
    bare.lead("maxDisrupted: 2\n")
    with bare.watched() as seen:
        bare.apply()
        bare.settle(bare.text)
    return seen


@pytest.fixture(scope="module")
def led(bare: Trio, founded: Mapping[str, Witness]) -> Trio:
    """The three, in order, under the default policy."""
    bare.led_anew()
    return bare


@pytest.fixture
def trio(led: Trio) -> Trio:
    """The same, in order again with what they had last."""
    led.edit(led.text)
    led.settle(led.text)
    return led


def test_the_policy_says_how_many_are_changed_at_once(founded: Mapping[str, Witness]) -> None:
    assert most_at_once(founded) == 2


def test_one_edit_reaches_one_node_after_the_other(trio: Trio) -> None:
    newer = other(trio.text, "k2-oc")
    with trio.watched() as seen:
        trio.edit(newer)
        trio.settle(newer)

    for one in seen.values():
        one.only("k2-oc")
    assert most_at_once(seen) == 1


def test_one_edit_reaches_one_node_after_the_other_also_where_each_is_led_by_another(
    trio: Trio,
) -> None:
    """Three processes want the only slot at the same time."""
    newer = other(trio.text, "k2v5")
    trio.operator.stop()
    shards = [trio.start("{}\n", "--shards", "3") for _ in range(3)]
    until(lambda: all(one.leads() for one in shards), 60, "a shard for each", pause=1)
    with trio.watched() as seen:
        trio.edit(newer)
        for name in trio.nodes:
            trio.ask(name)
        trio.settle(newer)
    for one in shards:
        one.stop()
    trio.lead()

    for found in seen.values():
        found.only("k2v5")
    assert most_at_once(seen) == 1


def test_a_sick_release_stops_at_the_first_node(trio: Trio) -> None:
    files = {name: trio.files(name) for name in trio.nodes}
    with trio.watched() as seen:
        trio.edit(trio.text.replace("k2-sidecar:v1", "k2-sidecar:v3-sick"))
        first = trio.stopped_at("GateFailed")
        others = trio.nodes.keys() - {first}
        said = [trio.says(name, "HeldElsewhere").condition("InSync") for name in others]
        trio.led_anew()
        for name in others:
            assert trio.visited(name).says("InSync", "False", "HeldElsewhere")
        assert trio.visited(first).status["revision"]["held"]
        trio.edit(trio.text)
        trio.settle(trio.text)

    seen[first].only("k2-sidecar")
    assert all(first in one["message"] for one in said), said
    for name in others:
        seen[name].only()
        assert trio.files(name) == files[name]


@contextmanager
def unreachable(node: Node) -> Iterator[None]:
    """Nobody can log in, and who was in is out."""
    with fault(node, "sshd"), fault(node, "sessions"):
        yield


def test_an_unreachable_node_blocks_nobody_and_skips_what_it_missed(trio: Trio) -> None:
    absent, *others = trio.nodes
    missed, current = other(trio.text, "k2-oc"), other(trio.text, "k2v5")
    with trio.watched() as seen:
        with unreachable(trio.nodes[absent]):
            gone = lambda s: s.condition("Reachable").get("status") == "False"  # noqa: E731
            trio.sees(absent, gone, "an unreachable node")
            trio.edit(missed)
            trio.settle(missed, *others)
            trio.edit(current)
            trio.settle(current, *others)
        trio.ask(absent)
        trio.settle(current)

    seen[absent].only("k2v5")
    for name in others:
        seen[name].only("k2-oc", "k2v5")


def test_a_node_that_is_lost_in_its_turn_keeps_it(trio: Trio) -> None:
    """Nobody can tell whether the release broke it: the others wait until it is seen again."""
    text = trio.text.replace("READY_DELAY: 3", "READY_DELAY: 6")
    with trio.watched() as seen:
        trio.edit(text)
        lost = until(lambda: working(trio, "gate"), 120, "a node at its gate")
        others = trio.nodes.keys() - {lost}
        with unreachable(trio.nodes[lost]):
            until(lambda: not working(trio), 120, "end of the job")
            for name in others:
                trio.says(name, "WaitingForSlot")
                assert trio.visited(name).says("InSync", "False", "WaitingForSlot")
        trio.ask(lost)
        trio.settle(text)

    assert most_at_once(seen) == 1
    assert min(seen, key=lambda name: seen[name].touches[0].at) == lost


def working(trio: Trio, phase: str = "") -> str:
    """The name of the node on which a job is in this phase, or in any."""
    job = f"flock -n {STATE}/job.lock true || cat {STATE}/job/state"
    found = {name: node.run(job, check=False) for name, node in trio.nodes.items()}
    return next((name for name, state in found.items() if state and phase in state), "")
