"""What a person sees of a running operator: a real Prometheus scrapes it, every query of the
dashboards has an answer, the alerts are loaded, the log is JSON.

The fleet is such that every panel has something to show: a node in order with a finding, one that
differs and is only observed, one that cannot be reached.
"""

import json
import math
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from alerts.files import ALERTS, DASHBOARDS, alerts, queries
from kaitu.core.redaction import CUT
from lab import fleet
from lab.cluster import Cluster
from lab.node import Node
from lab.operator import Operator
from lab.prometheus import Prometheus
from lab.registry import Registry
from lab.run import Lab
from lab.stack import FOLDER
from lab.wait import until

CC = "net.ipv4.tcp_congestion_control"
CANARY = "kaitu-canary-telemetry-3a7c"
RADIUS = {"valueFrom": {"secretKeyRef": {"name": "env", "key": "radius"}}}
SPEC: dict[str, Any] = {
    "sysctl": {"settings": [{"name": CC, "value": "bbr"}]},
    "cron": {"entries": [{"name": "hello", "schedule": "17 3 * * *", "command": "/bin/true"}]},
    "env": {"vars": [{"name": "K2_RADIUS_KEY", **RADIUS}]},
    "compose": {"version": "1.0.0"},
}
OBSERVED = {"mode": "Observe", "sysctl": {"settings": [{"name": CC, "value": "reno"}]}}


@dataclass
class Scene:
    cluster: Cluster
    node: Node
    operator: Operator
    prometheus: Prometheus

    def figure(self, start: str) -> float:
        """The sum of the operator's series whose line begins so."""
        lines = self.operator.get("/metrics").splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(start))


def gone(node: Node) -> dict[str, Any]:
    """A machine that answers, at a port where nothing listens."""
    made = fleet.kaitu_node("lost", node)
    made["spec"]["connection"] |= {"port": 9}
    return made


@pytest.fixture(scope="module")
def scene(lab: Lab, cluster: Cluster, node: Node, pushed: Registry) -> Iterator[Scene]:
    fleet.provision(node, f"{fleet.SECRET_LINE}COMPOSE_IGNORE_ORPHANS=true\n")
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.env_secret("env", radius=CANARY),
        fleet.release("1.0.0"),
        fleet.kaitu_node("vps", node, **SPEC),
        fleet.kaitu_node("watched", node, **OBSERVED),
        gone(node),
    )
    log = lab.state / f"operator-{cluster.namespace}.log"
    with ExitStack() as ending:
        operator = start(lab, cluster)
        ending.callback(lambda: made.operator.stop())
        prometheus = Prometheus.start(lab.state / "prometheus", operator.http, ALERTS)
        ending.callback(prometheus.stop)
        made = Scene(cluster, node, operator, prometheus)
        fleet.wait_ready(cluster, "vps", 240)
        node.run(f"sysctl -qw {CC}=reno")
        until(lambda: made.figure("kaitu_drift_corrected_total{"), 60, "corrected drift")
        before = made.figure("kaitu_ssh_login_seconds_count")
        cluster.kubectl("annotate", "kaitunode", "vps", "fleet.kaitu.io/requestedAt=now")
        until(lambda: made.figure("kaitu_ssh_login_seconds_count") > before, 60, "fresh login")
        assert log.exists()
        yield made


def start(lab: Lab, cluster: Cluster) -> Operator:
    log = lab.state / f"operator-{cluster.namespace}.log"
    words = ("--namespace", cluster.namespace, "--log-format", "json")
    return Operator.start(lab.control_plane, log, *words)


PANELS = [(f"{path.stem}: {title}", q) for path in DASHBOARDS for title, q in queries(path)]


@pytest.mark.parametrize(("panel", "query"), PANELS)
def test_a_panel_has_something_to_show(scene, panel, query):
    """What shows only what is wrong (`> 0`) is asked for all of it."""
    asked = re.sub(r" > 0$", "", query)

    until(lambda: [v for _, v in scene.prometheus.query(asked) if not math.isnan(v)], 60, panel)


def test_the_fleet_is_counted_as_it_is(scene):
    until(
        lambda: scene.prometheus.query('kaitu_node_condition{node="lost",type="Reachable"} == 0'),
        60,
        "lost node",
    )
    (nodes,) = scene.prometheus.query("count(kaitu_node_info)")
    (ready,) = scene.prometheus.query('sum(kaitu_node_condition{type="Ready"} == bool 1)')
    drift = scene.prometheus.query('kaitu_node_drift_items{aspect="sysctl"} > 0')

    assert (nodes[1], ready[1]) == (3, 1)
    assert [(labels["node"], labels["namespace"]) for labels, _ in drift] == [
        ("watched", scene.cluster.namespace)
    ]
    assert scene.prometheus.query('kaitu_ssh_errors_total{phase="dial",reason="DialRefused"} > 0')
    assert scene.prometheus.query('kaitu_node_findings{signature="ComposeNameInEnv"} == 1')
    healthy = scene.prometheus.query('kaitu_node_containers{node="vps",state=~"healthy|running"}')
    assert sum(value for _, value in healthy) == 4


def test_the_alerts_are_loaded_and_the_one_about_the_lost_node_is_pending(scene):
    def pending() -> set[str]:
        return {rule["name"] for rule in scene.prometheus.rules() if rule["state"] == "pending"}

    until(lambda: "KaituNodeUnreachable" in pending(), 60, "pending alert")
    rules = scene.prometheus.rules()
    assert {rule["name"] for rule in rules} == set(alerts())
    assert {rule["health"] for rule in rules} == {"ok"}
    assert not [rule["name"] for rule in rules if rule["state"] == "firing"]


def lines(scene: Scene) -> list[dict[str, Any]]:
    return [json.loads(line) for line in scene.operator.log.splitlines()]


def test_every_line_of_the_log_is_an_object_and_a_visit_is_told_apart(scene):
    told = lines(scene)
    assert all({"ts", "level", "logger", "msg"} <= one.keys() for one in told)
    visits = [one for one in told if one["msg"].startswith("visited: ")]
    assert {one["name"] for one in visits} == {"vps", "watched", "lost"}
    assert all(one["namespace"] == scene.cluster.namespace for one in visits)
    assert all(one["duration_s"] > 0 for one in visits)
    assert len({one["reconcileID"] for one in visits}) == len(visits)
    news = [one["msg"] for one in visits if one["name"] == "lost" and one["level"] == "INFO"]
    assert news == ["visited: DialRefused"]


def test_no_secret_is_told_and_none_had_to_be_cut_out(scene):
    kinds = "kaitunodes,events.v1.events.k8s.io"
    objects = scene.cluster.kubectl("get", kinds, "-o", "json")
    for sink in (scene.operator.log, scene.operator.get("/metrics"), objects):
        assert CANARY not in sink
        assert CUT not in sink
    assert CANARY in scene.node.read(f"{FOLDER}/.env")  # it did travel


def test_one_cause_is_one_event(scene):
    found = json.loads(scene.cluster.kubectl("get", "events.v1.events.k8s.io", "-o", "json"))
    lost = [one for one in found["items"] if one["regarding"]["name"] == "lost"]
    assert [(one["reason"], one["type"]) for one in lost] == [("DialRefused", "Warning")]
    assert {one["reportingController"] for one in lost} == {"fleet.kaitu.io/kaitu-operator"}


def test_a_deleted_node_vanishes(scene):
    scene.cluster.kubectl("delete", "kaitunode", "lost")

    until(lambda: 'node="lost"' not in scene.operator.get("/metrics"), 30, "forgotten node")
    until(lambda: not scene.prometheus.query('{node="lost"}'), 30, "end of its series")


def test_a_restart_does_not_forget_when_a_node_was_last_seen(scene, lab):
    """While it cannot be reached: a restart is no contact."""
    scene.operator.stop()
    scene.node.run("systemctl stop ssh")
    try:
        last = fleet.look(scene.cluster, "vps").status["lastVisitTime"]
        scene.operator = start(lab, scene.cluster)
        prefix = "kaitu_node_last_contact_timestamp_seconds{"
        until(lambda: scene.figure(prefix) > 0, 60, "time of the last contact")
        shown = scene.operator.get("/metrics").splitlines()
        (line,) = (one for one in shown if one.startswith(prefix) and 'node="vps"' in one)
        assert float(line.split()[-1]) == datetime.fromisoformat(last).timestamp()
    finally:
        scene.node.run("systemctl start ssh")
