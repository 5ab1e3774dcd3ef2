"""What a person needs to play with a lab that is kept: settings for kubectl and ssh."""

import shutil
import sys
from pathlib import Path

from lab import programs
from lab.cluster import Cluster
from lab.command import run
from lab.node import Node
from lab.operator import ROOT

FOLDER = ROOT / ".demo"
SSH = """Host {name}
    HostName {address}
    Port {port}
    User root
    IdentityFile {key}
    IdentitiesOnly yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
"""
PROGRAM = """#!/bin/sh
PYTHONPATH={sources} exec {python} -m kaitu.cli "$@"
"""
ENV = """export KUBECONFIG={folder}/kubeconfig
export PATH={folder}/bin:$PATH
vps() {{ ssh -F {folder}/ssh_config "$@"; }}
"""


def hand_over(cluster: Cluster, node: Node, folder: Path = FOLDER) -> Path:
    """Write the folder anew; the file to be sourced."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/kubectl").symlink_to(programs.kubectl())
    for name in ("kaituctl", "kubectl-kaitu"):
        (folder / "bin" / name).write_text(
            PROGRAM.format(sources=ROOT / "operator", python=sys.executable)
        )
        (folder / "bin" / name).chmod(0o755)
    (folder / "kubeconfig").write_text(cluster.kubeconfig.read_text())
    context = ("config", "set-context", "--current", "--namespace", cluster.namespace)
    run(str(programs.kubectl()), "--kubeconfig", str(folder / "kubeconfig"), *context)
    to = {"name": node.name, "address": node.address, "port": node.port, "key": node.keys.path}
    (folder / "ssh_config").write_text(SSH.format(**to))
    (folder / "env").write_text(ENV.format(folder=folder))
    return folder / "env"
