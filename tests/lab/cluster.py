"""A cluster as tests see it: our CRDs are there, and each test has a namespace of its own."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.controlplane import ControlPlane
from lab.wait import until

CRDS = Path(__file__).resolve().parents[2] / "crds"


def install_crds(plane: ControlPlane) -> None:
    if any(CRDS.glob("*.yaml")):
        plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
        established(plane, "-f", str(CRDS))


def established(plane: ControlPlane, *which: str) -> None:
    """Asked again: kubectl fails on a CRD that is so new that it has no conditions yet."""
    wait = ("wait", "--for=condition=Established", "--timeout=10s", *which)
    until(lambda: plane.kubectl(*wait), 120, "established CRDs")


@dataclass(frozen=True)
class Cluster:
    plane: ControlPlane
    namespace: str

    @classmethod
    def fresh(cls, plane: ControlPlane, prefix: str = "test") -> "Cluster":
        """With a new namespace; none is deleted, since no controller would finish that."""
        wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {}}
        wanted["metadata"] = {"generateName": f"{prefix}-"}
        made = plane.kubectl("create", "-f", "-", "-o", "json", input=json.dumps(wanted))
        return cls(plane, json.loads(made)["metadata"]["name"])

    @property
    def kubeconfig(self) -> Path:
        return self.plane.kubeconfig

    def kubectl(self, *args: str, input: str | None = None) -> str:  # noqa: A002
        return self.plane.kubectl("--namespace", self.namespace, *args, input=input)

    def apply(self, *objects: dict[str, Any]) -> None:
        wanted = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(wanted))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "-o", "json"))
        return found
