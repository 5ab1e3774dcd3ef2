"""Two replicas: one leads, the other takes over; test_writers.py asks the API server who wrote."""

import signal
import time

import pytest

from integration.fingerprint import differences, fingerprint
from integration.move import SERVICES, moving
from integration.standing import CC, STATE, Vps
from lab.installed import Installed
from lab.wait import until


@pytest.fixture(scope="module")
def pair(operator: Installed) -> Installed:
    """Two pods; the kubelet is patient with one that is stopped for a while."""
    operator.install(replicas=2, livenessProbe={"failureThreshold": 30})
    return operator


def test_a_killed_leader_is_followed_within_20_s(pair: Installed, vps: Vps) -> None:
    old = pair.leads()

    at = pair.signal(old.pod, signal.SIGKILL)
    vps.node.run(f"sysctl -qw {CC}=reno")

    assert pair.follows(old, at, "kill -9") <= 20
    until(lambda: vps.node.run(f"sysctl -n {CC}").strip() == "bbr", 60, "mended node")


def test_a_leader_that_is_told_to_end_hands_over_at_once(pair: Installed, vps: Vps) -> None:
    vps.visited()
    old, at = pair.leads(), time.time()

    pair.kubectl("delete", "pod", old.pod, "--wait=false")

    assert pair.follows(old, at, "SIGTERM") <= 10
    vps.visited()


def test_a_stopped_leader_that_wakes_up_writes_nothing_more(pair: Installed, vps: Vps) -> None:
    move = moving(vps)
    move.begin("gate")
    old = pair.leads()
    run = restarts(pair, old.pod)
    at = pair.signal(old.pod, signal.SIGSTOP)
    assert pair.follows(old, at, "SIGSTOP") <= 20
    move.ends()
    assert move.made() == SERVICES
    vps.visited()
    node, fence = fingerprint(vps.node), fence_of(vps)
    assert restarts(pair, old.pod) == run

    pair.signal(old.pod, signal.SIGCONT)
    until(lambda: restarts(pair, old.pod) > run, 120, "end of the old leader", pause=0.5)

    assert "no longer leads" in pair.kubectl("logs", old.pod, "--previous")
    vps.visited()
    assert not differences(node, fingerprint(vps.node))
    assert fence_of(vps) == fence


def restarts(pair: Installed, pod: str) -> int:
    (container,) = pair.pods()[pod]["status"]["containerStatuses"]
    return int(container["restartCount"])


def fence_of(vps: Vps) -> str:
    return vps.node.read(f"{STATE}/fence")
