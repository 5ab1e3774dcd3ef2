"""The main job on a real node: a KaituNode is applied and the VPS follows; drift is mended."""

import json

import pytest

from lab import fleet
from lab.cluster import Cluster
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.wait import until

CC = "/proc/sys/net/ipv4/tcp_congestion_control"
SYSCTL = {"settings": [{"name": "net.ipv4.tcp_congestion_control", "value": "bbr"}]}
CRON = {"entries": [{"name": "hello", "schedule": "17 3 * * *", "command": "/bin/true"}]}
ENV = {
    "vars": [
        {"name": "K2_DOMAIN", "value": "*.example.com"},
        {"name": "K2_LOG_LEVEL", "value": "info"},
    ]
}


@pytest.fixture(scope="module")
def applied(cluster: Cluster, node: Node, operator: Operator, pushed: Registry) -> str:
    """A node that has become Ready by itself; its name."""
    fleet.provision(node)
    spec = {"sysctl": SYSCTL, "cron": CRON, "env": ENV, "compose": {"version": "1.0.0"}}
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.release("1.0.0"),
        fleet.kaitu_node("vps", node, **spec),
    )
    fleet.wait_ready(cluster, "vps", 180)
    return "vps"


def test_the_node_is_as_its_resource_says(applied: str, node: Node) -> None:
    assert node.read(CC).strip() == "bbr"
    assert "bbr" in node.read("/etc/sysctl.d/99-z-kaitu.conf")
    assert "17 3 * * * root /bin/true" in node.read("/etc/cron.d/kaitu-hello")
    env = node.read("/apps/kaitu-slave/.env")
    assert "K2_LOG_LEVEL=info\n" in env
    assert env.startswith(fleet.SECRET_LINE)
    running = node.run("docker ps --format '{{.Names}}'").split()
    assert sorted(running) == ["k2-oc", "k2-sidecar", "k2v4-slave", "k2v5"]


def test_the_status_says_so_truthfully(applied: str, cluster: Cluster) -> None:
    status = fleet.look(cluster, applied).status

    assert status["compose"]["version"] == "1.0.0"
    assert status["architecture"] == "k2v5"
    assert status["env"] == {"managed": 2, "inSync": 2, "protectedPresent": True}
    states = {a["name"]: a["state"] for a in status["aspects"]}
    assert states == dict.fromkeys(("sysctl", "cron", "env", "compose", "health"), "InSync")
    assert status["revision"]["applied"] == status["revision"]["desired"]


def test_kubectl_waits_for_ready(applied: str, cluster: Cluster) -> None:
    cluster.kubectl("wait", "--for=condition=Ready", "--timeout=30s", f"kaitunode/{applied}")


@pytest.mark.parametrize(
    ("breaking", "check", "mended"),
    [
        ("sysctl -qw net.ipv4.tcp_congestion_control=reno", f"cat {CC}", "bbr"),
        (
            "sed -i s,true,false, /etc/cron.d/kaitu-hello",
            "grep -c /bin/true /etc/cron.d/kaitu-hello",
            "1",
        ),
        ("rm /etc/sysctl.d/99-z-kaitu.conf", "grep -c bbr /etc/sysctl.d/99-z-kaitu.conf", "1"),
        (
            "sed -i s/LEVEL=info/LEVEL=debug/ /apps/kaitu-slave/.env",
            "grep -c LEVEL=info /apps/kaitu-slave/.env",
            "1",
        ),
        ("docker stop -t 1 k2-oc", "docker inspect -f '{{.State.Running}}' k2-oc", "true"),
        ("docker rm -f k2v4-slave", "docker inspect -f '{{.State.Running}}' k2v4-slave", "true"),
        (
            "echo '# x' >>/apps/kaitu-slave/docker-compose.yml",
            "grep -c '^# x' /apps/kaitu-slave/docker-compose.yml",
            "0",
        ),
    ],
    ids=["sysctl", "cron", "dropin", "env", "stopped", "removed", "composefile"],
)
def test_what_somebody_breaks_is_mended(
    applied: str, cluster: Cluster, node: Node, breaking: str, check: str, mended: str
) -> None:
    node.run(breaking)

    until(lambda: node.run(check, check=False).strip() == mended, 90, f"mended: {breaking}")
    fleet.wait_ready(cluster, applied)


def test_mended_drift_is_an_event(applied: str, cluster: Cluster) -> None:
    found = json.loads(cluster.kubectl("get", "events.v1.events.k8s.io", "-o", "json"))["items"]
    notes = [event["note"] for event in found if event["reason"] == "DriftMended"]

    assert any("net.ipv4.tcp_congestion_control: reno -> bbr" in note for note in notes)


def test_the_resource_gets_no_annotation_and_no_finalizer(applied: str, cluster: Cluster) -> None:
    meta = cluster.get("kaitunode", applied)["metadata"]

    assert "finalizers" not in meta
    assert "annotations" not in meta
