"""A real cluster with kubelet, in this run's network: its pods reach the nodes by address."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import images, kindimage, released
from lab.command import run
from lab.controlplane import ControlPlane
from lab.docker import LABEL, Docker
from lab.network import Network
from lab.node import PRIVILEGED
from lab.steps import step

DEFAULTS = Path("pkg", "apis", "config", "defaults", "image.go")  # in kind's sources
# The built image has a bridge as its network, for one node.
FOR_BUILT = {"disableDefaultCNI": True, "kubeProxyMode": "nftables"}
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}],
}
SYS_RESOURCE = 24


@dataclass(frozen=True)
class Kind:
    docker: Docker
    network: Network
    plane: ControlPlane

    @classmethod
    def start(cls, docker: Docker, network: Network, state: Path) -> "Kind":
        """One node; DNS answers. It goes with the run's other containers."""
        image, built = _node_image(docker)
        audit = state / "audit"
        audit.mkdir(parents=True)
        (audit / "policy.json").write_text(json.dumps(AUDIT))
        config = state / "cluster.json"
        config.write_text(json.dumps(_config(audit, FOR_BUILT if built else {})))
        made = ControlPlane(state, state / "kubeconfig", url="", audit_log=audit / "log")
        kind = cls(docker, network, made)
        with step("starting a cluster with kubelet (kind)", "40 s"):
            kind._kind(
                "create", "cluster", "--image", image, "--config", str(config),
                "--wait", "300s", "--kubeconfig", str(made.kubeconfig),
            )  # fmt: skip
            made.kubectl("-n", "kube-system", "rollout", "status", "deploy/coredns")
        return kind

    def load(self, image: str) -> None:
        """Give the cluster an image of the Docker Engine, for pods that do not always pull."""
        with step(f"loading {image} into the cluster", "10 s"):
            self._kind("load", "docker-image", image)

    def _kind(self, *arguments: str) -> None:
        run(
            str(released.programs("kind") / "kind"), *arguments,
            "--name", self.docker.full_name("kind"), env=self._environment(), timeout=900,
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        """Which docker it finds, and which network it joins."""
        label = ["--label", f"{LABEL}={self.docker.run_id}"]
        rights = {"run": ["--privileged", *label], "exec": ["--privileged"]}
        if not _may_be_privileged():
            kernel_log = ("--device=/dev/kmsg",)
            rights = {"run": [*PRIVILEGED, *kernel_log, *label], "exec": []}
        return {
            "DOCKER_HOST": self.docker.host,
            "KIND_EXPERIMENTAL_DOCKER_NETWORK": self.network.name,
            "LAB_DOCKER": str(shutil.which("docker")),
            "LAB_RIGHTS": json.dumps(rights),
            "PATH": f"{kindimage.HERE}:{os.environ['PATH']}",
        }


def _node_image(docker: Docker) -> tuple[str, bool]:
    """The built one if it is there, else the published one, else a build; whether it was built."""
    published = _published()
    if kindimage.cached() or not _have(docker, published):
        return images.have(docker, kindimage.IMAGE), True
    return published, False


def _config(audit: Path, networking: dict[str, Any]) -> dict[str, Any]:
    """One node, whose API server keeps an audit log in a folder of ours."""
    arguments = {"audit-policy-file": "/audit/policy.json", "audit-log-path": "/audit/log"}
    volume = {"name": "audit", "hostPath": "/audit", "mountPath": "/audit"}
    server = {
        "extraArgs": [{"name": name, "value": value} for name, value in arguments.items()],
        "extraVolumes": [{**volume, "pathType": "Directory"}],
    }
    cluster = {"kind": "ClusterConfiguration", "apiServer": server}
    # Both where the machine has cgroup v1, and may not lower oom_score_adj.
    kubelet = {"kind": "KubeletConfiguration", "failCgroupV1": False, "oomScoreAdj": 0}
    if networking:
        cluster["imageRepository"] = kindimage.REPOSITORY
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": networking,
        "nodes": [{
            "role": "control-plane",
            "extraMounts": [{"hostPath": str(audit), "containerPath": "/audit"}],
        }],
        "kubeadmConfigPatches": [json.dumps(cluster), json.dumps(kubelet)],
    }  # fmt: skip


def _published() -> str:
    """What kind would take by itself, with its digest."""
    text = (released.source("kind") / DEFAULTS).read_text()
    return str(re.findall(r'^const Image = "(.+)"$', text, re.MULTILINE)[0])


def _have(docker: Docker, image: str) -> bool:
    if docker.has_image(image):
        return True
    with step(f"asking for {image.partition('@')[0]}", "1 min"):
        return docker.attempt("pull", "--quiet", image, timeout=900)[0] == 0


def _may_be_privileged() -> bool:
    """--privileged asks for every capability: it is refused where this one is missing."""
    status = Path("/proc/self/status").read_text()
    bounding = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    return bool(int(bounding.split()[1], 16) >> SYS_RESOURCE & 1)
