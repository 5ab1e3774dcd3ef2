"""A visit to a node in order writes nothing, on the node or in the API; the checks are checked."""

import base64
import json
import re
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from integration.still import MARK, moved, stamp
from lab import fleet
from lab.audit import mark, writes
from lab.cluster import Cluster
from lab.node import Node
from lab.operator import ACCOUNT, Operator
from lab.registry import Registry
from lab.run import Lab
from lab.wait import until

VISITS = 100
SPEC = {
    "interval": "2s",
    "sysctl": {"settings": [{"name": "net.ipv4.tcp_congestion_control", "value": "bbr"}]},
    "cron": {"entries": [{"name": "quiet", "schedule": "@yearly", "command": "/bin/true"}]},
    "env": {"vars": [{"name": "K2_LOG_LEVEL", "value": "info"}]},
    "compose": {"version": "1.0.0"},
    "health": {"tcp": [{"port": 443}]},
}


@pytest.fixture(scope="module")
def operator(lab: Lab, cluster: Cluster) -> Iterator[Operator]:
    log = lab.state / f"operator-{cluster.namespace}.log"
    running = Operator.start(
        lab.control_plane, log, "--namespace", cluster.namespace, level="INFO"
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def vps(cluster: Cluster, node: Node, operator: Operator, pushed: Registry) -> str:
    fleet.provision(node)
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.release("1.0.0"),
        fleet.kaitu_node("vps", node, **SPEC),
    )
    fleet.wait_ready(cluster, "vps", 180)
    return "vps"


def visits(operator: Operator) -> int:
    found = re.findall(
        r'^kaitu_visits_total\{reason="Ready"\} (\d+)', operator.get("/metrics"), re.M
    )
    return int(found[0]) if found else 0


def spoken(cluster: Cluster, offset: int) -> list[str]:
    """What the operator wrote to the API, but for its lease."""
    return [
        f"{one.verb} {one.uri}"
        for one in writes(cluster.plane, offset)
        if "/leases/" not in one.uri
    ]


def test_a_hundred_visits_to_a_node_in_order_write_nothing(vps, cluster, node, operator):
    rest = visits(operator) + 3
    until(lambda: visits(operator) >= rest, 60, "a node at rest")
    stamp(node)
    offset, first = mark(cluster.plane), visits(operator)

    until(lambda: visits(operator) >= first + VISITS, 600, f"{VISITS} visits")

    written = spoken(cluster, offset)
    assert len(written) <= 1, written  # at most one heartbeat in ten minutes
    assert all(line.startswith("patch") and line.endswith("/status") for line in written)
    assert moved(node) == []


def test_the_check_finds_a_planted_touch_and_a_planted_patch(vps, cluster, node, operator):
    node.run(f"touch {MARK}; sleep 1; touch /etc/hostname")
    assert moved(node) == ["/etc/hostname"]

    offset = mark(cluster.plane)
    patch_as_operator(cluster, vps, {"status": {"architecture": "planted"}})
    until(lambda: spoken(cluster, offset), 10, "the planted patch in the audit log")


def patch_as_operator(cluster: Cluster, name: str, body: dict[str, Any]) -> None:
    """kubectl would ask to read the status first, which the operator's role does not allow."""
    config = json.loads(cluster.plane.kubeconfig_for(ACCOUNT).read_text())
    server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    trust = base64.b64decode(server["certificate-authority-data"]).decode()
    path = f"/apis/{fleet.API}/namespaces/{cluster.namespace}/kaitunodes/{name}/status"
    request = urllib.request.Request(
        server["server"] + path,
        method="PATCH",
        data=json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {user['token']}",
            "Content-Type": "application/merge-patch+json",
        },
    )
    with urllib.request.urlopen(request, context=ssl.create_default_context(cadata=trust)):
        pass
