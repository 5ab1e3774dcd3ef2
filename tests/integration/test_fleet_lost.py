"""Three of four nodes vanish at once: until they are back, the fourth is seen and not written."""

from collections.abc import Iterator

import pytest

from lab import fleet
from lab.cluster import Cluster
from lab.faults import fault
from lab.node import Node
from lab.operator import Operator
from lab.run import Lab

OTHERS = ("other-1", "other-2", "other-3")
PACE = {"interval": "10s", "timeout": "5s"}


def cron(*names: str) -> dict[str, list[dict[str, str]]]:
    lines = [{"name": name, "schedule": "@yearly", "command": "/bin/true"} for name in names]
    return {"entries": lines}


@pytest.fixture
def elsewhere(lab: Lab) -> Iterator[Node]:
    """The machine behind three observed nodes: what it loses, they lose at once."""
    made = lab.node("elsewhere")
    yield made
    made.remove()


@pytest.fixture
def operator(lab: Lab, cluster: Cluster, node: Node, elsewhere: Node) -> Iterator[Operator]:
    """With a fleet that is seen, and in order."""
    log = lab.state / f"operator-{cluster.namespace}.log"
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.kaitu_node("vps", node, cron=cron("first")),
        *(fleet.kaitu_node(name, elsewhere, mode="Observe", **PACE) for name in OTHERS),
    )
    running = Operator.start(lab.control_plane, log, "--namespace", cluster.namespace)
    for name in ("vps", *OTHERS):
        fleet.wait_ready(cluster, name)
    yield running
    running.stop()


def test_nothing_is_written_while_the_observer_is_in_doubt(
    cluster: Cluster, node: Node, elsewhere: Node, operator: Operator
) -> None:
    with fault(elsewhere, "drop"):
        for name in OTHERS:
            fleet.wait(
                cluster,
                name,
                lambda seen: seen.condition("Ready").get("status") != "True",
                120,
                "lost node",
            )
        fleet.patch(cluster, "vps", cron=cron("first", "second"))
        seen = fleet.wait(
            cluster, "vps", lambda s: s.says("InSync", "False", "FleetFrozen"), 60, "freeze"
        )

        assert seen.aspect("cron")["state"] == "Waiting"
        assert "second" in seen.status["plan"]["steps"][0]["text"]
        assert "kaitu_fleet_frozen 1.0" in operator.get("/metrics").splitlines()
        assert "second" not in node.run("ls /etc/cron.d")

    fleet.wait_ready(cluster, "vps", 180)

    assert "kaitu-second" in node.run("ls /etc/cron.d")
    assert "kaitu_fleet_frozen 0.0" in operator.get("/metrics").splitlines()
    assert operator.log.count("FleetFrozen: many nodes were lost") == 1
    events = cluster.kubectl("get", "events.v1.events.k8s.io", "-o", "json")
    assert "FleetFrozen" not in events
