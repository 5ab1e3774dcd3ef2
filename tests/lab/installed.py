"""The operator as its chart installs it, in a cluster with kubelet; which pod leads and writes."""

import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lab import programs
from lab.command import run
from lab.controlplane import ControlPlane
from lab.operator import ROOT
from lab.steps import say, step
from lab.wait import until

CHART = ROOT / "charts" / "kaitu-operator"
NAME = "kaitu-operator"
NAMESPACE = "kaitu-system"
PODS = ("-l", "app.kubernetes.io/component=operator")
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
SURGEON = "surgeon"
# Sends a signal to the one process of a pod, which is known by its control group.
SIGNAL = """
import os, pathlib, sys
uid, number = sys.argv[1], int(sys.argv[2])
def inside(process):
    try:
        groups = (process / "cgroup").read_text().replace("_", "-")
        return uid in groups and b"kaitu" in (process / "cmdline").read_bytes()
    except OSError:
        return False
(process,) = filter(inside, pathlib.Path("/proc").glob("[0-9]*"))
os.kill(int(process.name), number)
"""


@dataclass(frozen=True)
class Held:
    """What the Lease says: the pod that leads, since when, and how often it went over."""

    pod: str
    acquired: float
    transitions: int

    @classmethod
    def of(cls, spec: dict[str, Any]) -> "Held":
        since = datetime.fromisoformat(spec["acquireTime"]).timestamp()
        return cls(spec["holderIdentity"].partition("_")[0], since, spec["leaseTransitions"])


@dataclass
class Installed:
    plane: ControlPlane
    image: str
    values: dict[str, Any] = field(default_factory=dict)

    def create_namespace(self) -> None:
        """In which no pod may have more rights than the restricted level gives."""
        named = {"name": NAMESPACE, "labels": RESTRICTED}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": named}
        self.plane.kubectl("apply", "-f", "-", input=json.dumps(body))

    def install(self, **values: Any) -> None:
        """Install or upgrade, and wait until the pods are ready."""
        self.values |= values
        repository, _, tag = self.image.rpartition(":")
        wanted = {"image": {"repository": repository, "tag": tag}, **self.values}
        with step(f"helm upgrade --install {NAME}", "20 s"):
            self.helm(
                "upgrade", "--install", NAME, str(CHART), "--values", "-",
                "--wait", "--timeout", "5m", input=json.dumps(wanted),
            )  # fmt: skip

    def helm(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002
        program = str(programs.program("helm"))
        where = ("--kubeconfig", str(self.plane.kubeconfig), "--namespace", NAMESPACE)
        return run(program, *where, *arguments, input=input, timeout=400)

    def kubectl(self, *arguments: str) -> str:
        return self.plane.kubectl("--namespace", NAMESPACE, *arguments)

    def get(self, *which: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", *which, "-o", "json"))
        return found

    def pods(self) -> dict[str, dict[str, Any]]:
        """Those that are not on their way out, by name."""
        found = self.get("pods", *PODS)["items"]
        alive = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
        return {pod["metadata"]["name"]: pod for pod in alive}

    def lease(self) -> Held:
        return Held.of(self.get("lease", NAME)["spec"])

    def leads(self) -> Held:
        """Once a pod that is there holds the Lease."""

        def held() -> Held | None:
            found = self.lease()
            return found if found.pod in self.pods() else None

        return until(held, 120, "pod that leads", pause=0.5)

    def follows(self, old: Held, since: float, what: str) -> float:
        """Seconds from ``since`` until another one had the Lease."""

        def taken() -> Held | None:
            found = self.lease()
            return found if found.pod and found.transitions > old.transitions else None

        took = until(taken, 120, f"leader after {old.pod}", pause=0.3).acquired - since
        say(f"{what}: another leads after {took:.1f} s")
        return took

    def start_surgeon(self) -> None:
        """A pod that may send signals to the processes of others."""
        container = {
            "name": SURGEON,
            "image": self.image,
            "command": ["python3", "-c", "import signal; signal.pause()"],
            "securityContext": {"runAsUser": 0, "runAsNonRoot": False},
        }
        spec = {"hostPID": True, "terminationGracePeriodSeconds": 0, "containers": [container]}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": SURGEON}, "spec": spec}
        system = ("--namespace", "kube-system")
        self.plane.kubectl(*system, "apply", "-f", "-", input=json.dumps(body))
        wait = ("wait", "--for=condition=Ready", "--timeout=100s", f"pod/{SURGEON}")
        self.plane.kubectl(*system, *wait)

    def signal(self, pod: str, number: int) -> float:
        """Send it to the operator's process in this pod; the time just before."""
        uid = self.get("pod", pod)["metadata"]["uid"]
        python = ("exec", SURGEON, "--", "python3", "-c", SIGNAL)
        began = time.time()
        self.plane.kubectl("--namespace", "kube-system", *python, uid, str(int(number)))
        return began
