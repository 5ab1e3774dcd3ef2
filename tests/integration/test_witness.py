"""The witnesses of a release find what a release must not do."""

import pytest

from integration.witness import witness
from lab.door import knocking
from lab.fleet import provision
from lab.node import Node
from lab.registry import Registry
from lab.stack import FOLDER, stack
from lab.wait import until

STACK = {"k2-oc", "k2-sidecar", "k2v4-slave", "k2v5"}
COMPOSE = f"cd {FOLDER} && docker compose"


@pytest.fixture(scope="module")
def up(node: Node, pushed: Registry) -> Node:
    """A node that somebody has deployed by hand."""
    provision(node)
    node.write(f"{FOLDER}/docker-compose.yml", stack("v1"))
    node.run(f"{COMPOSE} pull -q && {COMPOSE} up -d", timeout=180)
    return node


def test_what_stays_as_it_is_was_not_touched(up: Node) -> None:
    with witness(up) as seen:
        up.run(f"{COMPOSE} up -d")
    seen.only()


def test_one_service_is_told_from_the_others(up: Node) -> None:
    with witness(up) as seen:
        up.run(f"{COMPOSE} up -d --force-recreate --no-deps k2-oc")
    seen.only("k2-oc")
    assert [one.deed for one in seen.touches if one.deed == "destroy"] == ["destroy"]


def test_a_restart_in_between_is_found(up: Node) -> None:
    with witness(up) as seen:
        up.run("docker restart -t 1 k2v5")
    with pytest.raises(AssertionError, match="k2v5"):
        seen.only()


def test_a_container_that_came_and_went_is_found(up: Node) -> None:
    with witness(up) as seen:
        up.run("docker run --rm --entrypoint true --name passer-by registry.lab:5000/k2-oc:v1")
    assert seen.moved == set()
    with pytest.raises(AssertionError, match="passer-by"):
        seen.only()


def test_going_down_is_found_also_when_all_is_up_again(up: Node) -> None:
    with witness(up) as seen:
        up.run(f"{COMPOSE} down && {COMPOSE} up -d", timeout=180)
    with pytest.raises(AssertionError, match=r"lost.*network kaitu-slave_k2-internal"):
        seen.only(*STACK)


def test_a_volume_that_went_is_found(up: Node) -> None:
    up.run("docker volume create spare")
    with witness(up) as seen:
        up.run("docker volume rm spare")
    with pytest.raises(AssertionError, match=r"lost.*volume spare"):
        seen.only()


def test_the_client_at_the_door_sees_it_shut(up: Node) -> None:
    with knocking(up, 443) as door:
        up.run("docker stop -t 1 k2v5")
        until(lambda: not door.knock(), 30, "shut door")
        up.run("sleep 2; docker start k2v5")
    assert door.closed > 2
    assert door.hosts == ["k2v5 v1"]
