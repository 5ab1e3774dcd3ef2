"""The one pod of the operator is killed, deleted and drained: nothing is lost, nothing torn."""

import signal

from integration.fingerprint import differences, fingerprint
from integration.move import SERVICES, moving
from integration.standing import Vps
from lab.installed import PODS, Installed
from lab.wait import until


def test_a_kill_in_the_middle_of_a_release(vps: Vps, operator: Installed) -> None:
    move = moving(vps)
    move.begin("gate")

    old = operator.leads()
    at = operator.signal(old.pod, signal.SIGKILL)

    operator.follows(old, at, "kill -9 of the only pod")
    move.ends()
    assert move.made() == SERVICES


def test_a_pod_deleted_by_force_in_the_middle_of_a_release(vps: Vps, operator: Installed) -> None:
    move = moving(vps)
    move.begin("gate")

    operator.kubectl("delete", "pod", operator.leads().pod, "--grace-period=0", "--force")

    move.ends()
    assert move.made() == SERVICES


def test_a_drain(vps: Vps, operator: Installed) -> None:
    vps.recovers()
    before = fingerprint(vps.node)
    (pod,) = operator.pods().values()
    host = pod["spec"]["nodeName"]
    selected = f"--pod-selector={PODS[1]}"
    operator.kubectl("drain", host, selected, "--delete-emptydir-data", "--timeout=90s")
    try:
        until(lambda: waiting(operator), 60, "pod that waits for a host", pause=0.5)
    finally:
        operator.kubectl("uncordon", host)

    vps.visited()
    assert vps.recovers().ready
    assert not differences(before, fingerprint(vps.node))


def waiting(operator: Installed) -> bool:
    """The evicted pod's successor, while no host takes it."""
    return [pod["status"]["phase"] for pod in operator.pods().values()] == ["Pending"]
