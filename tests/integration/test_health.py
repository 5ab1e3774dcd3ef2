"""The probes are honest: about a watch that died in silence, and an API server that froze.

The operator's patience is shortened, nothing else of it; what it is told is a real API server's.
"""

import math
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import ports
from lab.cluster import Cluster
from lab.command import Child
from lab.deaf import Proxy
from lab.operator import ACCOUNT, BASE, RIGHTS, ROOT
from lab.run import Lab
from lab.wait import until
from specs import good, kaitu_node

IMPATIENT = """
import sys
from kaitu.controller import chores, health
from kaitu.controller.__main__ import main
chores.SWEEP_EVERY, chores.LOOK_AGAIN, health.MOST_BEHIND = 1.0, 0.5, 4.0
sys.exit(main())
"""


@dataclass(frozen=True)
class Scene:
    """An operator that reaches the API server by way of the proxy."""

    cluster: Cluster
    proxy: Proxy
    http: str

    def says(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def figure(self, name: str) -> float:
        """NaN while it is not served: before it leads."""
        lines = self.says("/metrics")[1].splitlines()
        found = (float(line.split()[1]) for line in lines if line.startswith(f"{name} "))
        return next(found, math.nan)

    def edit(self, value: str) -> None:
        self.cluster.kubectl("label", "--overwrite", "kaitunode", "quiet", f"edited={value}")


@pytest.fixture(scope="module")
def scene(lab: Lab, cluster: Cluster) -> Iterator[Scene]:
    """It knows one KaituNode, which is suspended: no node is needed to judge the watch."""
    cluster.apply(kaitu_node("quiet", {**good(), "suspend": True}))
    cluster.plane.kubectl("apply", *(f"--filename={BASE / name}" for name in RIGHTS))
    with ExitStack() as ending:
        proxy = Proxy(cluster.plane.kubeconfig_for(ACCOUNT))
        ending.callback(proxy.close)
        made = Scene(cluster, proxy, f"127.0.0.1:{ports.free(1)[0]}")
        child = _operator(lab.state / "by-proxy", made)
        ending.callback(child.stop, 30)

        def knows() -> bool:
            child.check()
            return made.figure("kaitu_nodes") == 1

        until(knows, 60, "operator that knows the node")
        yield made


def _operator(place: Path, scene: Scene) -> Child:
    login = scene.proxy.kubeconfig(place.with_suffix(".kubeconfig"))
    return Child.start(
        "env", f"KUBECONFIG={login}", f"PYTHONPATH={ROOT / 'operator'}",
        sys.executable, "-c", IMPATIENT, "run", "--lease-namespace", "kaitu-system",
        "--http", scene.http, "--namespace", scene.cluster.namespace,
        log=place.with_suffix(".log"),
    )  # fmt: skip


def test_a_watch_that_died_in_silence_is_found_out(scene):
    assert scene.says("/healthz") == (200, "ok\n")
    scene.edit("heard")
    last = until(lambda: scene.figure("kaitu_kube_watch_last_event_timestamp_seconds"), 30, "it")

    scene.proxy.deaf.set()
    scene.edit("unheard")
    until(lambda: scene.says("/healthz")[0] == 503, 60, "failing /healthz")

    assert "has not told of a change" in scene.says("/healthz")[1]
    assert scene.says("/readyz")[0] == 503
    assert scene.figure("kaitu_kube_watch_behind_seconds") > 4
    assert scene.figure("kaitu_kube_watch_last_event_timestamp_seconds") >= last

    scene.proxy.deaf.clear()
    scene.edit("heard-again")
    until(lambda: scene.says("/healthz") == (200, "ok\n"), 30, "healthy operator")
    assert scene.figure("kaitu_kube_watch_behind_seconds") == 0


def test_a_quiet_watch_is_not_accused(scene):
    """The same deafness while nothing happens: three looks find nothing owed."""
    scene.proxy.deaf.set()
    try:
        looked = looks(scene)
        until(lambda: looks(scene) >= looked + 3, 60, "three looks")
        assert scene.says("/healthz") == (200, "ok\n")
    finally:
        scene.proxy.deaf.clear()


def looks(scene: Scene) -> int:
    """How often the operator has listed, by the API server's audit log."""
    uri = f"/namespaces/{scene.cluster.namespace}/kaitunodes?limit="
    audit = scene.cluster.plane.audit_log
    assert audit
    return audit.read_text().count(uri)


def test_a_frozen_api_server_takes_readiness_and_not_health(scene):
    plane = scene.cluster.plane
    plane.freeze_apiserver()
    try:
        until(lambda: scene.says("/readyz")[0] == 503, 60, "failing /readyz")
        assert "the lease could not be renewed" in scene.says("/readyz")[1]
        assert scene.says("/healthz") == (200, "ok\n")
        assert scene.figure("kaitu_leader") == 0
    finally:
        plane.thaw_apiserver()
    until(lambda: scene.says("/readyz") == (200, "ok\n"), 60, "operator that is ready again")
