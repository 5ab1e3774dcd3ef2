"""What a user applies for a lab node: the KaituNode, its key Secret, its ConfigMaps."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.cluster import Cluster
from lab.node import Node
from lab.stack import FOLDER, stack
from lab.wait import until

API = "fleet.kaitu.io/v1alpha1"
KEY_SECRET = "kaitu-ssh"
SECRET_LINE = "K2_NODE_SECRET=lab-secret-not-real\n"


def key_secret(private: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": KEY_SECRET},
        "type": "kubernetes.io/ssh-auth",
        "stringData": {"ssh-privatekey": private},
    }


def env_secret(name: str, **values: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {"fleet.kaitu.io/use": "env"}},
        "type": "Opaque",
        "stringData": values,
    }


def release(version: str, text: str | None = None) -> dict[str, Any]:
    """The ConfigMap that is the default compose file of this version; images v1 unless told."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"compose-{version}"},
        "data": {"docker-compose.yml": text if text is not None else stack("v1")},
    }


def kaitu_node(name: str, node: Node, **spec: Any) -> dict[str, Any]:
    """A KaituNode for a lab node; ``spec`` adds to the connection, or replaces it."""
    connection = {
        "host": node.address,
        "port": node.port,
        "user": "root",
        "privateKeySecretRef": {"name": KEY_SECRET},
        "hostKeys": [node.host_key],
    }
    return {
        "apiVersion": API,
        "kind": "KaituNode",
        "metadata": {"name": name},
        "spec": {"connection": connection, "interval": "2s", **spec},
    }


def policy_text() -> str:
    """The lab's nodes are on private addresses, which the default policy allows."""
    return "maxDisrupted: 1\n"


@dataclass(frozen=True)
class Seen:
    """A KaituNode as the API shows it."""

    body: dict[str, Any]

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.body.get("status", {})
        return found

    def condition(self, kind: str) -> dict[str, Any]:
        return next((c for c in self.status.get("conditions", ()) if c["type"] == kind), {})

    def aspect(self, name: str) -> dict[str, Any]:
        return next((a for a in self.status.get("aspects", ()) if a["name"] == name), {})

    @property
    def current(self) -> bool:
        """Whether the status speaks of the newest spec."""
        return bool(self.status.get("observedGeneration") == self.body["metadata"]["generation"])

    @property
    def version(self) -> int:
        return int(self.body["metadata"]["resourceVersion"])

    @property
    def ready(self) -> bool:
        return self.current and self.condition("Ready").get("status") == "True"

    def says(self, kind: str, status: str, reason: str) -> bool:
        found = self.condition(kind)
        return (found.get("status"), found.get("reason")) == (status, reason)

    def __repr__(self) -> str:
        """What a failed wait shows."""
        return json.dumps(self.status, indent=1)


def look(cluster: Cluster, name: str) -> Seen:
    return Seen(cluster.get("kaitunode", name))


def wait(
    cluster: Cluster, name: str, check: Callable[[Seen], bool], timeout: float, what: str
) -> Seen:
    """The first state of the resource that passes ``check``; the last one seen if none does."""

    last = Seen({"metadata": {}})

    def attempt() -> Seen | None:
        nonlocal last
        last = look(cluster, name)
        return last if check(last) else None

    try:
        return until(attempt, timeout, f"{what} of {name}", pause=0.3)
    except Exception as error:
        error.add_note(repr(last))
        raise


def wait_ready(cluster: Cluster, name: str, timeout: float = 120) -> Seen:
    return wait(cluster, name, lambda seen: seen.ready, timeout, "Ready")


def patch(cluster: Cluster, name: str, **spec: Any) -> None:
    body = json.dumps({"spec": spec})
    cluster.kubectl("patch", "kaitunode", name, "--type=merge", "-p", body)


def provision(node: Node, secret: str = SECRET_LINE) -> None:
    """What a person does on a new VPS before the operator may start the services."""
    node.write(f"{FOLDER}/.env", secret, mode=0o600)
