"""kaituctl as a user of a cluster runs it: by its own process, with a kubeconfig."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.ctl import PROGRAM, Ended
from lab import programs
from lab.cluster import Cluster
from lab.command import attempt
from lab.operator import ROOT

COMPLETE = "from kaitu.cli.kube.complete import main; main()"


@dataclass(frozen=True)
class User:
    """One who has a kubeconfig; ``namespace`` is where he works."""

    kubeconfig: Path
    namespace: str

    @property
    def environment(self) -> dict[str, str]:
        path = {"PYTHONPATH": str(ROOT / "operator"), "PYTHONWARNINGS": "ignore"}
        return {**os.environ, **path, "KUBECONFIG": str(self.kubeconfig), "COLUMNS": "80"}

    def run(self, *words: str, timeout: float = 120) -> Ended:
        here = ("-n", self.namespace) if "-A" not in words else ()
        return Ended(*attempt(*PROGRAM, *words, *here, env=self.environment, timeout=timeout))

    def json(self, *words: str) -> Any:
        ended = self.run(*words, "-o", "json")
        assert ended.err == "" or not ended.err.startswith("kaituctl:"), ended
        return json.loads(ended.out)

    def findings(self) -> list[dict[str, str]]:
        """What doctor finds."""
        found: list[dict[str, str]] = self.json("doctor")["findings"]
        return found

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*PROGRAM, *words, "-n", self.namespace],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def plugins(folder: Path) -> Path:
    """kubectl, and our two programs beside it as an installation puts them."""
    for name, words in (
        ("kubectl-kaitu", "-m kaitu.cli"),
        ("kubectl_complete-kaitu", f"-c '{COMPLETE}'"),
    ):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return programs.kubectl()


def viewer(cluster: Cluster) -> User:
    """Somebody who may look at KaituNodes, and nothing else."""
    roles = "rbac.authorization.k8s.io"
    name = f"viewer-{cluster.namespace}"
    rules = [
        {
            "apiGroups": ["fleet.kaitu.io"],
            "resources": ["kaitunodes"],
            "verbs": ["get", "list", "watch"],
        }
    ]
    cluster.apply(
        {"apiVersion": f"{roles}/v1", "kind": "Role", "metadata": {"name": name}, "rules": rules},
        {
            "apiVersion": f"{roles}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": roles, "kind": "Role", "name": name},
            "subjects": [{"kind": "User", "apiGroup": roles, "name": name}],
        },
    )
    return User(cluster.plane.kubeconfig_for(name), cluster.namespace)
