"""kaituctl as its own process, with files, a state and nothing else of its user's home."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import fleet
from lab.command import attempt
from lab.node import Node
from lab.operator import ROOT

PROGRAM = (sys.executable, "-m", "kaitu.cli")
IN_SYNC, DIFFERS, USAGE, TROUBLE = range(4)
SYSCTL = {"settings": [{"name": "net.ipv4.tcp_congestion_control", "value": "bbr"}]}


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def nodes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.out)["nodes"]
        return found


@dataclass(frozen=True)
class Ctl:
    """``folder`` holds the manifests; ``home`` the state of this user of kaituctl."""

    folder: Path
    home: Path

    @classmethod
    def fresh(cls, base: Path) -> "Ctl":
        made = cls(base / "files", base / "home")
        made.folder.mkdir()
        made.home.mkdir()
        return made

    def environment(self) -> dict[str, str]:
        home = {"HOME": str(self.home), "XDG_STATE_HOME": str(self.home)}
        return {**os.environ, **home, "PYTHONPATH": str(ROOT / "operator")}

    def run(self, *words: str, timeout: float = 240) -> Ended:
        return Ended(*attempt(*PROGRAM, *words, env=self.environment(), timeout=timeout))

    def plan(self, *words: str) -> Ended:
        return self.run("plan", "-f", str(self.folder), *words)

    def apply(self, *words: str) -> Ended:
        return self.run("apply", "-f", str(self.folder), *words)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*PROGRAM, *words],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def write(self, name: str, *documents: dict[str, Any]) -> None:
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump_all(documents))

    def describe(self, node: Node, name: str = "vps", **spec: Any) -> None:
        """The files of one node: its KaituNode, and the Secret with its key."""
        self.write("key", fleet.key_secret(node.keys.private))
        self.write(name, fleet.kaitu_node(name, node, **spec))
