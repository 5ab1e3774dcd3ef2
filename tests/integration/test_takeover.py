"""Living nodes are taken over without harm, and a node has one owner at a time."""

from collections.abc import Iterator

import pytest

from integration.installations import Installation, installed
from integration.standing import FILE, STATE
from integration.witness import witness
from lab import fleet
from lab.cluster import Cluster
from lab.node import Node
from lab.registry import Registry
from lab.run import Lab
from lab.stack import FOLDER, stack

AS_IT_RUNS = stack("v1")
NEWER_OC = AS_IT_RUNS.replace("k2-oc:v1", "k2-oc:v2")
CRON = {"entries": [{"name": "mine", "schedule": "17 3 * * *", "command": "/bin/true"}]}
MINE = "/etc/cron.d/kaitu-mine"


@pytest.fixture(scope="module")
def ours(lab: Lab, cluster: Cluster) -> Iterator[Installation]:
    with installed(lab, cluster) as made:
        yield made


@pytest.fixture(scope="module")
def provided(node: Node, pushed: Registry) -> Node:
    """A node with all that a person puts there."""
    pushed.behave()
    fleet.provision(node)
    node.write(FILE, AS_IT_RUNS)
    node.run(f"cd {FOLDER} && docker compose pull -q", timeout=180)
    return node


@pytest.fixture
def living(provided: Node, ours: Installation) -> Node:
    """The same, deployed by hand, as if no operator had ever been there."""
    ours.cluster.kubectl("delete", "kaitunodes", "--all")
    provided.write(FILE, AS_IT_RUNS)
    provided.run(f"rm -rf {STATE} {MINE}; cd {FOLDER} && docker compose up -d", timeout=180)
    return provided


def owner(node: Node) -> list[str]:
    return node.run(f"cat {STATE}/owner").split()


def test_what_already_is_as_wanted_is_taken_over_without_being_asked(
    living: Node, ours: Installation
) -> None:
    with witness(living) as seen:
        ours.apply("equal", living, "1.0.0", AS_IT_RUNS)
        found = ours.ready("equal")

    seen.only()
    assert found.status["compose"]["version"] == "1.0.0"
    assert owner(living) == [ours.id, f"{ours.cluster.namespace}/equal"]


def test_what_differs_is_only_observed_until_a_person_agrees(
    living: Node, ours: Installation
) -> None:
    with witness(living) as seen:
        ours.apply("living", living, "2.0.0", NEWER_OC)
        ours.says("living", "AdoptionRequired")
        found = ours.visited("living")

    assert found.aspect("compose")["state"] == "Waiting"
    assert any("docker-compose.yml" in step["text"] for step in found.status["plan"]["steps"])
    seen.only()
    assert living.read(FILE) == AS_IT_RUNS
    assert not living.run(f"ls -d {STATE} 2>/dev/null || :")

    with witness(living) as seen:
        ours.edit("living", adopt=True)
        ours.ready("living")

    seen.only("k2-oc")
    assert living.read(FILE) == NEWER_OC
    assert owner(living) == [ours.id, f"{ours.cluster.namespace}/living"]


@pytest.fixture
def owned(living: Node, ours: Installation) -> Iterator[Node]:
    """In order, and the first resource's; nothing on it is restarted by who owns it."""
    with witness(living) as seen:
        ours.apply("first", living, "1.0.0", AS_IT_RUNS)
        ours.ready("first")
        yield living
    seen.only()


def test_two_resources_of_one_machine_do_not_fight(owned: Node, ours: Installation) -> None:
    ours.apply("twin", owned, "1.0.0", AS_IT_RUNS, cron=CRON)
    found = ours.says("twin", "OwnedByAnother")

    assert found.condition("Stalled")["reason"] == "OwnedByAnother"
    text = found.condition("InSync")["message"]
    assert ours.id in text
    assert f"{ours.cluster.namespace}/first" in text
    assert not owned.run(f"ls {MINE} 2>/dev/null || :")

    ours.adopts("twin", ours.id)
    ours.ready("twin")
    assert "/bin/true" in owned.read(MINE)
    ours.says("first", "OwnedByAnother")
    for name in ("first", "twin", "first"):
        ours.visited(name)
    assert owner(owned) == [ours.id, f"{ours.cluster.namespace}/twin"]


def test_the_loser_goes_and_the_owner_does_not_notice(owned: Node, ours: Installation) -> None:
    ours.apply("twin", owned, "1.0.0", AS_IT_RUNS, deletionPolicy="Release")
    ours.says("twin", "OwnedByAnother")

    ours.cluster.kubectl("delete", "kaitunode", "twin", "--timeout=60s")

    assert ours.visited("first").ready
    assert owner(owned) == [ours.id, f"{ours.cluster.namespace}/first"]


def test_a_second_cluster_must_name_the_first(
    owned: Node, ours: Installation, lab: Lab, namespace: Cluster
) -> None:
    with installed(lab, namespace) as theirs:
        theirs.apply("first", owned, "1.0.0", AS_IT_RUNS)
        found = theirs.says("first", "OwnedByAnother")
        assert ours.id in found.condition("InSync")["message"]
        assert ours.visited("first").ready

        theirs.adopts("first", ours.id)
        theirs.ready("first")
        assert theirs.id in ours.says("first", "OwnedByAnother").condition("InSync")["message"]
        for one in (ours, theirs, ours):
            one.visited("first")
        assert owner(owned) == [theirs.id, f"{namespace.namespace}/first"]

        ours.adopts("first", theirs.id)
        ours.ready("first")
        theirs.says("first", "OwnedByAnother")


def test_a_cluster_that_was_lost_and_rebuilt_takes_its_nodes_over(
    owned: Node, ours: Installation
) -> None:
    old = ours.id
    ours.lose_id()
    ours.lead()
    assert ours.id != old
    assert old in ours.says("first", "OwnedByAnother").condition("InSync")["message"]

    ours.led_anew(f"installation: {{adoptFrom: [{old}]}}\n")

    ours.ready("first")
    assert owner(owned) == [ours.id, f"{ours.cluster.namespace}/first"]
