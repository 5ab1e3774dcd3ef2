"""What a kubelet would do, which the lab lacks: run the pod of the operator's Deployment."""

import json
from pathlib import Path
from typing import Any

from lab.controlplane import ControlPlane
from lab.operator import Operator

NAMESPACE = "kaitu-system"
NAME = "kaitu-operator"
MOUNTED = "/etc/kaitu-operator/policy.yaml"


def start(plane: ControlPlane, folder: Path) -> Operator:
    """The operator as its Deployment describes it: arguments, policy and account, as a process."""
    pod = _get(plane, "deployment", NAME)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (mounted,) = (one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one)
    policy = folder / "policy.yaml"
    policy.write_text(_get(plane, "configmap", mounted)["data"]["policy.yaml"])
    account = f"system:serviceaccount:{NAMESPACE}:{pod['serviceAccountName']}"
    words = [word.replace(MOUNTED, str(policy)) for word in container["args"]]
    return Operator.start(
        plane,
        folder / "operator.log",
        *(word for word in words if not word.startswith("--http")),
        kubeconfig=plane.kubeconfig_for(account),
    )


def _get(plane: ControlPlane, kind: str, name: str) -> dict[str, Any]:
    text = plane.kubectl("--namespace", NAMESPACE, "get", kind, name, "-o", "json")
    found: dict[str, Any] = json.loads(text)
    return found
