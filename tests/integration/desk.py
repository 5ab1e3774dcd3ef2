"""A folder at which somebody sits who follows a page: what we hand out, the programs, a home."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from integration.pages import follow
from lab import programs
from lab.command import run
from lab.node import Node
from lab.operator import ROOT

HANDED_OUT = ("charts", "crds", "examples", "manifests")
GIT = "[user]\nname = Lab\nemail = lab@example.com\n"
SSH = """Host *
    IdentityFile {folder}/.ssh/id_ed25519
    UserKnownHostsFile /dev/null
    StrictHostKeyChecking no
    LogLevel ERROR
"""


@dataclass(frozen=True)
class Desk:
    folder: Path
    kubeconfig: Path

    @classmethod
    def furnish(cls, folder: Path, kubeconfig: Path) -> "Desk":
        """With helm, kubectl and kaituctl, and copies that a page may change."""
        tools = folder / "bin"
        tools.mkdir(parents=True)
        (tools / "kubectl").symlink_to(programs.kubectl())
        (tools / "helm").symlink_to(programs.program("helm"))
        ours = f"PYTHONPATH={shlex.quote(str(ROOT / 'operator'))} {shlex.quote(sys.executable)}"
        (tools / "kaituctl").write_text(f'#!/bin/sh\n{ours} -m kaitu.cli "$@"\n')
        (tools / "kaituctl").chmod(0o755)
        (folder / ".gitconfig").write_text(GIT)
        for name in HANDED_OUT:
            shutil.copytree(ROOT / name, folder / name)
        return cls(folder, kubeconfig)

    def takes_key(self, node: Node) -> None:
        """The key pair that the node lets in, where OpenSSH keeps one, and an ssh that uses it."""
        home = self.folder / ".ssh"
        home.mkdir(mode=0o700)
        shutil.copy(node.keys.path, home / "id_ed25519")
        (home / "id_ed25519.pub").write_text(f"{node.keys.public}\n")
        (home / "config").write_text(SSH.format(folder=self.folder))
        ssh = self.folder / "bin/ssh"
        ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {home}/config "$@"\n')
        ssh.chmod(0o755)

    def follow(self, page: str, replaced: Mapping[str, str]) -> str:
        """What the commands of the page print; names of examples are ``replaced`` by real ones."""
        return follow(page, self.folder, replaced, **self._settings())

    def run(self, words: str) -> str:
        """What somebody types who was here before the page."""
        return run("bash", "-euc", words, cwd=self.folder, env=self._settings())

    def _settings(self) -> dict[str, str]:
        """A home of its own: nothing of ours is read or written."""
        home = str(self.folder)
        moved = (name for name in os.environ if name.startswith("XDG_"))
        return {
            "HOME": home,
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": f"{home}/bin:{os.environ['PATH']}",
            **{name: f"{home}/.{name.lower()}" for name in moved},
        }
