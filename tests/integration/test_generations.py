"""From k2-slave to k2v5 and back: both own :443 of the host, and only one can at a time."""

from collections.abc import Iterator

import pytest

from integration.standing import Standing
from integration.witness import Witness, witness
from lab.door import knocking
from lab.stack import NEW_STACK, OLD_STACK, stack
from lab.steps import say

BOTH = ("k2-oc", "k2-sidecar", "k2-slave", "k2v4-slave", "k2v5")
MORE = 5.0
"""Seconds that the door may be shut longer than while one container is restarted."""


@pytest.fixture
def restart(vps: Standing) -> float:
    """How long the door is shut while its owner's container is restarted, on this very node."""
    with knocking(vps.node, 443) as door:
        vps.node.run("docker restart k2v5")
    return door.closed


def moves(vps: Standing, version: str, text: str) -> Witness:
    with witness(vps.node) as seen:
        vps.release(version, stack("v1", text))
        vps.recovers(180)
    return seen


def at(seen: Witness, name: str, deed: str) -> float:
    """When this happened to a service, once."""
    (time,) = [one.at for one in seen.touches if (one.name, one.deed) == (name, deed)]
    return time


@pytest.fixture
def bystander(vps: Standing) -> Iterator[None]:
    """A container on the same machine that is nobody's business here."""
    vps.node.run("docker run -d --name bystander registry.lab:5000/k2-oc:v1")
    yield
    vps.node.run("docker rm -f bystander")


@pytest.mark.usefixtures("bystander")
def test_the_door_changes_hands_and_back(vps: Standing, restart: float) -> None:
    moved = [("4.0.0", OLD_STACK, "k2v5", "k2-slave"), ("1.0.0", NEW_STACK, "k2-slave", "k2v5")]
    for version, text, old, new in moved:
        with knocking(vps.node, 443) as door:
            seen = moves(vps, version, text)

        seen.only(*BOTH)
        assert at(seen, old, "die") < at(seen, new, "start")
        assert door.hosts == [f"{old} v1", f"{new} v1"]
        shut = f"shut for {door.closed:.1f} s, at a restart of one container for {restart:.1f} s"
        say(shut)
        assert door.closed < restart + MORE, shut
