"""What the how-tos tell people to type is typed here, over one node that is in order."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.desk import Desk
from integration.reading import with_operator
from lab import fleet
from lab.cluster import Cluster
from lab.controlplane import ControlPlane
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.run import Lab

NAME = "vps-1"
EXAMPLE = "203.0.113.7"
CC = "net.ipv4.tcp_congestion_control"
WANTED = {
    "sysctl": {"settings": [{"name": CC, "value": "bbr"}]},
    "compose": {"version": "1.0.0"},
}
OURS = "/var/lib/kaitu-operator/owner /etc/sysctl.d/*kaitu*"
AUTHORIZED = "/home/ubuntu/.ssh/authorized_keys"
STARTED = "docker ps -q | xargs docker inspect -f '{{.Name}} {{.State.StartedAt}}' | sort"


@pytest.fixture(scope="module")
def operator(cluster: Cluster, lab: Lab) -> Iterator[Operator]:
    words = ("--namespace", cluster.namespace)
    started = Operator.start(cluster.plane, lab.state / "howto.log", *words)
    yield started
    started.stop()


@pytest.fixture
def vps(cluster: Cluster, operator: Operator, node: Node, pushed: Registry) -> Node:
    """The node, in order, and let in by the lab's key alone."""
    pushed.behave()
    if not node.run("ls /apps/kaitu-slave 2>/dev/null || true"):
        fleet.provision(node)
    node.write(AUTHORIZED, f"{node.keys.public}\n", mode=0o600)
    wanted = described(node)
    wanted["spec"]["adopt"] = True  # after a test that released it
    cluster.apply(fleet.key_secret(node.keys.private), fleet.release("1.0.0"), wanted)
    fleet.wait_ready(cluster, NAME, 240)
    return node


def described(node: Node) -> dict[str, Any]:
    made = fleet.kaitu_node(NAME, node, **WANTED)
    made["spec"]["connection"]["user"] = "ubuntu"
    return made


@pytest.fixture
def desk(cluster: Cluster, vps: Node, tmp_path: Path) -> Desk:
    """With the namespace of the node as that of kubectl."""
    made = Desk.furnish(tmp_path / "desk", tmp_path / "kubeconfig")
    made.kubeconfig.write_text(yaml.safe_dump(_contexts(current=cluster)))
    made.takes_key(vps)
    return made


def _contexts(**clusters: Cluster) -> dict[str, object]:
    """One kubeconfig for several clusters, each a context; the first is the current one."""
    merged: dict[str, object] = {"apiVersion": "v1", "kind": "Config"}
    for name, one in clusters.items():
        found = yaml.safe_load(one.kubeconfig.read_text())
        merged.setdefault("current-context", name)
        for part, key in (("clusters", "cluster"), ("users", "user")):
            entry = {"name": name, key: found[part][0][key]}
            merged[part] = [*merged.get(part, ()), entry]  # type: ignore[misc]
        context = {"cluster": name, "user": name, "namespace": one.namespace}
        entry = {"name": name, "context": context}
        merged["contexts"] = [*merged.get("contexts", ()), entry]  # type: ignore[misc]
    return merged


def test_the_operator_is_monitored(desk: Desk, operator: Operator) -> None:
    told = desk.follow("how-to/monitoring.md", {"127.0.0.1:8080": operator.http})

    assert f'node="{NAME}"' in told
    alerts = yaml.safe_load((desk.folder / "kaitu-alerts.yaml").read_text())
    pages = {one["annotations"]["runbook_url"] for one in alerts["groups"][0]["rules"]}
    assert all(page.startswith("https://git.example.com/kaitu/blob/main/docs/") for page in pages)


def test_the_ssh_key_is_replaced(desk: Desk, vps: Node, cluster: Cluster) -> None:
    desk.follow("how-to/rotate-ssh-key.md", {EXAMPLE: vps.address})

    new = (desk.folder / "kaitu-ssh-new.pub").read_text()
    assert vps.read(AUTHORIZED) == new
    assert fleet.look(cluster, NAME).ready


def test_a_node_is_taken_out(desk: Desk, vps: Node) -> None:
    before = vps.run(STARTED)

    told = desk.follow("how-to/remove-node.md", {EXAMPLE: vps.address})

    assert f'kaitunode.fleet.kaitu.io "{NAME}" deleted' in told
    assert "k2v5" in told
    assert vps.run(f"ls {OURS} 2>/dev/null || true") == ""
    assert vps.run(STARTED) == before


def test_a_new_cluster_takes_the_fleet_over(
    desk: Desk, vps: Node, cluster: Cluster, bare: ControlPlane, tmp_path: Path
) -> None:
    before = vps.run(STARTED)
    new = Cluster(bare, "default")
    desk.kubeconfig.write_text(yaml.safe_dump(_contexts(old=cluster, new=new)))
    (desk.folder / "nodes").mkdir()
    documents = [fleet.release("1.0.0"), described(vps)]
    (desk.folder / "nodes/all.yaml").write_text(yaml.safe_dump_all(documents))

    told = with_operator(bare, tmp_path, lambda: desk.follow("how-to/rebuild-cluster.md", {}))

    assert "condition met" in told
    assert vps.run(STARTED) == before
    fleet.wait(
        cluster,
        NAME,
        lambda seen: seen.says("InSync", "False", "OwnedByAnother"),
        60,
        "OwnedByAnother in the old cluster",
    )
    vps.run("rm -r /var/lib/kaitu-operator")


def installed(bare: ControlPlane, tmp_path: Path) -> Desk:
    """A desk with the chart in its cluster, which a page before this one may have installed."""
    desk = Desk.furnish(tmp_path / "desk", bare.kubeconfig)
    desk.run(
        "helm upgrade --install kaitu-operator charts/kaitu-operator"
        " -n kaitu-system --create-namespace"
    )
    return desk


def test_the_fleet_is_divided_among_several_pods(bare: ControlPlane, tmp_path: Path) -> None:
    installed(bare, tmp_path).follow("how-to/scale.md", {})

    which = ("--namespace", "kaitu-system", "get", "deployment", "kaitu-operator", "-o", "json")
    spec = json.loads(bare.kubectl(*which))["spec"]
    assert spec["replicas"] == 3
    assert "--shards=3" in spec["template"]["spec"]["containers"][0]["args"]


def test_the_operator_is_upgraded_and_taken_back(bare: ControlPlane, tmp_path: Path) -> None:
    desk = installed(bare, tmp_path)

    told = desk.follow("how-to/upgrade.md", {})

    assert "Rollback was a success" in told
