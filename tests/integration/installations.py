"""Installations of the operator side by side: each has a namespace, an id and a process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml

from lab import fleet
from lab.cluster import Cluster
from lab.fleet import Seen
from lab.node import Node
from lab.operator import BASE, Operator
from lab.run import Lab
from lab.wait import until

ID = "kaitu-installation"


@dataclass
class Installation:
    """Lease, ConfigMap and KaituNodes in one namespace; what the cluster forgets is forgotten."""

    lab: Lab
    cluster: Cluster
    operator: Operator = field(init=False)

    def lead(self, policy: str = "{}\n") -> None:
        """Start the operator under this policy, and wait until it leads."""
        space = self.cluster.namespace
        file = self.lab.state / f"policy-{space}.yaml"
        file.write_text(policy)
        words = ("--namespace", space, "--lease-namespace", space, "--policy", str(file))
        log = self.lab.state / f"operator-{space}.log"
        self.operator = Operator.start(self.lab.control_plane, log, *words)
        until(self.operator.leads, 60, "leader")

    def led_anew(self, policy: str = "{}\n") -> None:
        self.operator.stop()
        self.lead(policy)

    @property
    def id(self) -> str:
        return str(self.cluster.get("configmap", ID)["metadata"]["uid"])

    def lose_id(self) -> None:
        """As when a cluster is lost and built again from the same files."""
        self.operator.stop()
        self.cluster.kubectl("delete", "configmap", ID)

    def apply(self, name: str, node: Node, version: str, text: str, **spec: Any) -> None:
        """A node with this release; what a version says is read at most once a minute."""
        wanted = {"compose": {"version": version}, **spec}
        key = fleet.key_secret(node.keys.private)
        self.cluster.apply(
            key, fleet.release(version, text), fleet.kaitu_node(name, node, **wanted)
        )

    def edit(self, name: str, **spec: Any) -> None:
        fleet.patch(self.cluster, name, **spec)

    def adopts(self, name: str, owner: str) -> Seen:
        """A person names the installation that may be replaced; a visit has taken that in."""
        word = f"fleet.kaitu.io/adopt={owner}"
        self.cluster.kubectl("annotate", "--overwrite", "kaitunode", name, word)
        return self.sees(
            name, lambda s: s.status.get("handled", {}).get("adopt") == owner, "adoption"
        )

    def visited(self, name: str) -> Seen:
        """A visit that began after this call has finished."""
        place = "jsonpath={.metadata.resourceVersion}"
        token = self.cluster.kubectl("get", "kaitunode", name, "-o", place)
        word = f"fleet.kaitu.io/requestedAt={token}"
        self.cluster.kubectl("annotate", "--overwrite", "kaitunode", name, word)
        return self.sees(
            name, lambda s: s.status.get("handled", {}).get("requestedAt") == token, "a visit"
        )

    def sees(self, name: str, check: Callable[[Seen], bool], what: str) -> Seen:
        return fleet.wait(self.cluster, name, lambda s: s.current and check(s), 120, what)

    def says(self, name: str, reason: str) -> Seen:
        """Why it is not in sync; and it is not called Ready."""
        seen = self.sees(name, lambda s: s.says("InSync", "False", reason), reason)
        assert seen.condition("Ready")["status"] == "False"
        return seen

    def ready(self, name: str) -> Seen:
        return fleet.wait_ready(self.cluster, name, 180)


@contextmanager
def installed(lab: Lab, cluster: Cluster) -> Iterator[Installation]:
    """An installation in this namespace, with the rights that its own one needs."""
    objects = yaml.safe_load_all((BASE / "rbac.yaml").read_text())
    for one in objects:
        if one["kind"] in {"Role", "RoleBinding"}:
            one["metadata"]["namespace"] = cluster.namespace
            cluster.apply(one)
    made = Installation(lab, cluster)
    made.lead()
    try:
        yield made
    finally:
        made.operator.stop()
