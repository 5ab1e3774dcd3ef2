"""CPU seconds by the kernel's account, of a process and of a node, and what a process holds."""

import os
import re
from pathlib import Path

from lab.docker import Docker
from lab.node import Node

TICK = os.sysconf("SC_CLK_TCK")
CGROUPS = Path("/sys/fs/cgroup")


def of_process(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def of_node(docker: Docker, node: Node) -> Path:
    """The account of all that runs in the node's container, which is read from outside of it."""
    name = docker.run("inspect", "-f", "{{.Id}}", node.container).strip()
    for pattern in (f"cpuacct/**/{name}/cpuacct.usage", f"**/*{name}*/cpu.stat"):
        if found := next(CGROUPS.glob(pattern), None):
            return found
    raise FileNotFoundError(f"no cgroup of {node.container} below {CGROUPS}")


def account(file: Path) -> float:
    """Version 1 counts nanoseconds, version 2 microseconds."""
    text = file.read_text()
    found = re.match(r"usage_usec (\d+)", text)
    return int(found.group(1)) / 1e6 if found else int(text) / 1e9


def rss(pid: int) -> float:
    """Megabytes that a process holds in memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0
