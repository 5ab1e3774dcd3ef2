"""Whoever falls away in the middle of a deployment: it is finished, once, and nothing is torn."""

import json
from dataclasses import dataclass

import pytest

from integration.standing import STATE, Standing, slow
from lab.controlplane import ControlPlane
from lab.faults import fault
from lab.registry import Registry
from lab.wait import until

SERVICES = ["k2-oc", "k2-sidecar", "k2v4-slave", "k2v5"]
KILL_JOB = f"kill -9 $(pgrep -f '{STATE}/job/[s]cript job')"


@dataclass
class Move:
    """A deployment to the other one of two releases; the next test moves on from there."""

    vps: Standing
    version: str
    since: str

    def begin(self, phase: str, registry: Registry | None = None) -> None:
        """Until its job has come to this phase; with a registry, the first job takes a while."""
        if registry:
            images = f"docker images -q '*/*:{self.version}'"
            self.vps.node.run(f"{images} | xargs -r docker rmi -f >/dev/null")
            registry.misbehave("slow", seconds=4, count=1)
        self.vps.release(f"2.0.{self.since}", slow(self.version))
        self.vps.phase(phase)

    def ends(self) -> None:
        """By itself, with every service on the new release."""
        self.vps.recovers(240)
        self.vps.runs(self.version)

    def made(self) -> list[str]:
        """The services of the containers that were made since it began."""
        words = f"docker events --since {self.since} --until $(date +%s) --filter event=create"
        lines = self.vps.node.run(words + " --format '{{json .}}'").splitlines()
        made = [json.loads(line) for line in lines if '"container"' in line]
        return sorted(one["Actor"]["Attributes"]["com.docker.compose.service"] for one in made)


@pytest.fixture
def move(standing: Standing) -> Move:
    standing.recovers(240)
    images = standing.node.run("docker ps --format '{{.Image}}'")
    other = "v1" if ":v2" in images else "v2"
    return Move(standing, other, standing.node.run("date +%s").strip())


@pytest.mark.parametrize("phase", ["pull", "gate"])
def test_a_killed_operator_is_followed_by_one_that_collects_the_job(
    move: Move, registry: Registry, phase: str
) -> None:
    move.begin(phase, registry if phase == "pull" else None)

    move.vps.operator.kill()
    move.vps.operator = move.vps.start()

    move.ends()
    assert move.made() == SERVICES


@pytest.mark.parametrize("phase", ["pull", "gate"])
def test_without_the_api_server_a_job_ends_and_none_that_disrupts_begins(
    move: Move, registry: Registry, plane: ControlPlane, phase: str
) -> None:
    before = move.vps.files()[0]
    move.begin(phase, registry if phase == "pull" else None)
    plane.stop_apiserver()
    try:
        move.vps.idle()
        until(lambda: "503" in answer(move.vps), 60, "operator that says it cannot write")
        assert (move.vps.files()[0] == before) == (phase == "pull")
    finally:
        plane.start_apiserver()

    move.ends()
    assert move.made() == SERVICES
    assert move.vps.operator.alive()


def answer(vps: Standing) -> str:
    try:
        return vps.operator.get("/readyz")
    except OSError as error:
        return str(error)


def test_a_connection_that_is_lost_is_no_failure_of_the_release(move: Move) -> None:
    move.begin("gate")
    with fault(move.vps.node, "reject"), fault(move.vps.node, "sessions"):
        move.vps.says("Reachable", "False", "DialRefused")
        move.vps.idle()

    move.ends()
    assert move.made() == SERVICES


def test_a_killed_job_is_done_again(move: Move) -> None:
    move.begin("gate")

    move.vps.node.run(KILL_JOB)

    move.ends()


def test_a_node_that_reboots_in_the_middle_is_brought_up_by_the_next_visits(move: Move) -> None:
    move.begin("gate")

    move.vps.node.reboot()

    move.ends()
