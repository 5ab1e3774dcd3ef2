"""Whether a node was left as it was: what is newer than a mark, but for what moves by itself."""

import re

from lab.node import Node

# What moves on an idle machine by itself: systemd's timer stamps, and Docker's notes about the
# health checks that the images themselves ask for.
BY_ITSELF = r"^/(run|proc|sys|dev|tmp|var/log|var/lib/(systemd/timers|docker|containerd))(/|$)"
MARK = "/var/tmp/quiet-mark"


def moved(node: Node) -> list[str]:
    """What is newer than the mark on the node, except for what moves by itself."""
    found = node.run(f"find / -xdev \\( -newer {MARK} -o -cnewer {MARK} \\) ! -path {MARK}")
    return [path for path in found.splitlines() if not re.search(BY_ITSELF, path)]


def stamp(node: Node) -> None:
    node.run(f"touch {MARK}; sleep 1")  # the clock of the file system is coarse
