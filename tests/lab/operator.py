"""The operator as its own process, with its own account and no more rights than its role gives."""

import os
import signal
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import ports
from lab.command import Child
from lab.controlplane import ControlPlane
from lab.wait import until

ACCOUNT = "system:serviceaccount:kaitu-system:kaitu-operator"
ROOT = Path(__file__).parents[2]
BASE = ROOT / "manifests" / "base"
RIGHTS = ("namespace.yaml", "rbac.yaml")


def grant(plane: ControlPlane) -> None:
    """The operator's role, in a namespace of its own."""
    plane.kubectl("apply", *(f"--filename={BASE / name}" for name in RIGHTS))


@dataclass(frozen=True)
class Operator:
    """A running `kaitu-operator run`."""

    child: Child
    http: str

    @classmethod
    def start(
        cls,
        plane: ControlPlane,
        log: Path,
        *arguments: str,
        level: str = "DEBUG",
        kubeconfig: Path | None = None,
    ) -> "Operator":
        """Start it; whether it leads or waits is asked of its metrics.

        With the rights of manifests/base, unless a kubeconfig has others.
        """
        if kubeconfig is None:
            grant(plane)
            kubeconfig = plane.kubeconfig_for(ACCOUNT)
        http = f"127.0.0.1:{ports.free(1)[0]}"
        child = Child.start(
            "env", f"KUBECONFIG={kubeconfig}",
            f"PYTHONPATH={ROOT / 'operator'}",
            sys.executable, "-m", "kaitu.controller", "run", "--lease-namespace", "kaitu-system",
            "--http", http, "--log-level", level, *arguments, log=log,
        )  # fmt: skip
        operator = cls(child, http)
        until(operator.alive, 60, "living operator process")
        return operator

    @property
    def log(self) -> str:
        return self.child.log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self.child.process.pid

    def get(self, path: str, timeout: float = 5) -> str:
        """What it serves at /metrics, /healthz or /readyz."""
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=timeout) as answer:
            return str(answer.read().decode())

    def alive(self) -> bool:
        self.child.check()
        return self.get("/healthz") == "ok\n"

    def leads(self) -> bool:
        return "kaitu_leader 1.0" in self.get("/metrics", 30).splitlines()

    def stop(self, grace: float = 30) -> int:
        """SIGTERM, as a pod gets it; the exit code."""
        self.child.stop(grace)
        return self.child.process.returncode

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.child.process.wait()

    def send(self, number: int) -> None:
        os.kill(self.pid, number)


Start = Callable[[], Operator]
"""Starts another one."""
