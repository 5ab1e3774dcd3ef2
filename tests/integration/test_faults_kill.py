"""Whoever falls away in the middle of a deployment: it is finished, once, and nothing is torn."""

import pytest

from integration.move import SERVICES, Move, moving
from integration.standing import STATE, Standing
from lab.controlplane import ControlPlane
from lab.faults import fault
from lab.registry import Registry
from lab.wait import until

KILL_JOB = f"kill -9 $(pgrep -f '{STATE}/job/[s]cript job')"
SLOW = 25
"""Seconds of a pull that is too slow to go on to the swap by itself."""


@pytest.fixture
def move(standing: Standing) -> Move:
    return moving(standing)


@pytest.mark.parametrize("phase", ["pull", "gate"])
def test_a_killed_operator_is_followed_by_one_that_collects_the_job(
    move: Move, standing: Standing, registry: Registry, phase: str
) -> None:
    move.begin(phase, registry if phase == "pull" else None)

    standing.operator.kill()
    standing.operator = standing.start()

    move.ends()
    assert move.made() == SERVICES


@pytest.mark.parametrize("phase", ["pull", "gate"])
def test_without_the_api_server_a_job_ends_and_none_that_disrupts_begins(
    move: Move, standing: Standing, registry: Registry, plane: ControlPlane, phase: str
) -> None:
    before = move.vps.files()[0]
    move.begin(phase, registry if phase == "pull" else None, seconds=SLOW)
    plane.stop_apiserver()
    try:
        move.vps.idle()
        until(lambda: "503" in answer(standing), 60, "operator that says it cannot write")
        assert (move.vps.files()[0] == before) == (phase == "pull")
    finally:
        plane.start_apiserver()

    move.ends()
    assert move.made() == SERVICES
    assert standing.operator.alive()


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
