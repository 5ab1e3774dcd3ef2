"""What is measured: an operator on a real API server, and one real node in order.

The node has a compose stack of four services, twelve lines of .env, two files of cron, six kernel
settings and health checks. More KaituNodes in mode Observe may share it: each has a connection
and a status of its own, and none writes to the node, so that one machine can stand for a few.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from lab import fleet, images
from lab.cluster import Cluster, install_crds
from lab.node import Node
from lab.operator import Operator
from lab.run import Lab
from lab.wait import until

NAME = "vps"
CC = "net.ipv4.tcp_congestion_control"
KERNEL = {
    CC: "bbr",
    "net.ipv4.tcp_fin_timeout": "30",
    "net.ipv4.tcp_keepalive_time": "600",
    "net.ipv4.tcp_syn_retries": "5",
    "net.ipv4.tcp_slow_start_after_idle": "0",
    "net.ipv4.tcp_mtu_probing": "1",
}
ENV = {"K2_DOMAIN": "*.example.com"} | {f"K2_BENCH_{n:02}": f"value {n}" for n in range(11)}
CRON = {name: f"{minute} 3 * * *" for minute, name in enumerate(("trim", "report"))}
SERVICES = ("k2-sidecar", "k2v5", "k2v4-slave", "k2-oc")
SYSCTL = {"settings": [{"name": name, "value": value} for name, value in KERNEL.items()]}
WHOLE: dict[str, Any] = {
    "compose": {"version": "v1"},
    "env": {"vars": [{"name": name, "value": value} for name, value in ENV.items()]},
    "cron": {
        "entries": [
            {"name": name, "schedule": at, "command": "/bin/true"} for name, at in CRON.items()
        ]
    },
    "sysctl": SYSCTL,
    "health": {"services": list(SERVICES), "tcp": [{"port": 443}]},
}
# Ansible's modules are Python that runs on the node.
IMAGE = replace(
    images.NODE, name="node-python", packages=(*images.NODE.packages, "python3-minimal", "python3")
)


@dataclass
class Setting:
    """Parts come to be when a row first asks for them."""

    lab: Lab

    @cached_property
    def cluster(self) -> Cluster:
        install_crds(self.lab.control_plane)
        return Cluster.fresh(self.lab.control_plane, "bench")

    @cached_property
    def operator(self) -> Operator:
        return self.started()

    def started(self) -> Operator:
        """An operator process; ``operator`` is the one that rows ask."""
        log = self.lab.state / "operator.log"
        words = ("--namespace", self.cluster.namespace)
        operator = Operator.start(self.lab.control_plane, log, *words, level="WARNING")
        self.lab.closing(operator.stop)
        return operator

    @cached_property
    def node(self) -> Node:
        """The node in order, and its KaituNode suspended."""
        self.lab.registry.push("v1")
        node = self.lab.node("bench", image=IMAGE)
        node.run(
            "echo MaxStartups 500 >/etc/ssh/sshd_config.d/40-bench.conf; systemctl reload ssh"
        )
        fleet.provision(node)
        assert self.operator
        wanted = fleet.kaitu_node(NAME, node, **WHOLE)
        self.cluster.apply(fleet.key_secret(node.keys.private), fleet.release("v1"), wanted)
        fleet.wait_ready(self.cluster, NAME, 240)
        fleet.patch(self.cluster, NAME, suspend=True)
        return node

    def observe(self, count: int, prefix: str, **spec: Any) -> None:
        """That many more KaituNodes for the node, each visited once."""
        node = self.node
        self.cluster.apply(
            *(
                fleet.kaitu_node(f"{prefix}-{n:03}", node, mode="Observe", **spec)
                for n in range(count)
            )
        )
        pattern = rf'condition\{{[^}}]*{prefix}-[^}}]*"Ready"\}} 1.0'
        until(lambda: len(re.findall(pattern, self.metrics())) == count, 300, "fleet", pause=1)

    def forget(self, prefix: str) -> None:
        """The KaituNodes of ``observe`` go; the node stays as it is."""
        found = self.cluster.kubectl("get", "kaitunodes", "-o", "name").split()
        gone = [name for name in found if f"/{prefix}-" in name]
        self.cluster.kubectl("delete", "--wait=false", *gone)

    def metrics(self) -> str:
        return self.operator.get("/metrics")

    def visits(self) -> float:
        found = re.findall(r"^kaitu_visits_total\{.*\} ([0-9.]+)$", self.metrics(), re.M)
        return sum(float(one) for one in found)
