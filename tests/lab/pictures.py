"""docs/pictures/*.svg: what kaituctl shows of a real fleet, taken from a real terminal.

Three real nodes and a running operator; on one a sick release has stopped at its gate and was
undone, one has lost its sshd. The pictures name no font, no host and no address outside.
"""

import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from lab import fleet
from lab.cluster import Cluster, install_crds
from lab.operator import ROOT, Operator
from lab.run import Lab
from lab.stack import stack
from lab.stage import say

FOLDER: Final = ROOT / "docs" / "pictures"
WIDTH: Final = 100
NAMES: Final = ("tokyo-1", "osaka-1", "seoul-1")
SPEC: Final = {
    "interval": "5s",
    "sysctl": {"settings": [{"name": "net.ipv4.tcp_congestion_control", "value": "bbr"}]},
    "env": {"vars": [{"name": "K2_DOMAIN", "value": "*.example.com"}]},
    "compose": {"version": "5.4.0", "update": {"attempts": 1, "gate": {"timeout": "20s"}}},
}
_STEER: Final = re.compile(r"\x1b\[\?[0-9]+[hl]")
_REDRAWN: Final = re.compile(r"\r(?:\x1b\[1A|\x1b\[2K)+")
_FONTS: Final = re.compile(r"@font-face\s*\{.*?\}|<!--.*?-->", re.DOTALL)


@dataclass(frozen=True)
class Terminal:
    """Where kaituctl runs, as a person has it."""

    kubeconfig: Path
    namespace: str

    def shows(self, *words: str, until: str = "") -> str:
        """What stands there in the end; a person who has seen ``until`` ends it by Ctrl-C."""
        leader, follower = pty.openpty()
        env = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "PYTHONPATH": str(ROOT / "operator"),
            "PYTHONWARNINGS": "ignore",
            "TERM": "xterm-256color",
            "COLUMNS": str(WIDTH),
            "LINES": "30",
        }
        argv = (sys.executable, "-m", "kaitu.cli", *words, "-n", self.namespace)
        running = subprocess.Popen(argv, env=env, stdin=follower, stdout=follower, stderr=follower)
        os.close(follower)
        said = b""
        with suppress(OSError):  # a terminal tells so that nobody writes any more
            while more := os.read(leader, 65536):
                said += more
                if until and until.encode() in said:
                    running.send_signal(signal.SIGINT)
        os.close(leader)
        running.wait(60)
        return said.decode(errors="replace")


def last_screen(said: str) -> str:
    """A picture that is drawn anew begins where the one before was wiped out."""
    drawn = [part for part in _REDRAWN.split(_STEER.sub("", said)) if "READY" in part]
    return (drawn[-1] if drawn else _STEER.sub("", said)).replace("\r\n", "\n").strip("\n")


def svg(title: str, said: str) -> str:
    """As a picture that asks nobody for anything."""
    out = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    out.print(Text.from_ansi(f"$ {title}\n{last_screen(said)}"))
    return _FONTS.sub("", out.export_svg(title="", unique_id="kaitu"))


def save(name: str, title: str, said: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(svg(title, said))
    print(f"   docs/pictures/{name}.svg")


def fill(lab: Lab) -> Terminal:
    """A fleet of which one is in order, one has undone a release, and one is lost."""
    install_crds(lab.control_plane)
    cluster = Cluster.fresh(lab.control_plane, "fleet")
    lab.registry.push("v2", "v3-sick", "v1")
    nodes = [lab.node(name) for name in NAMES]
    log = lab.state / "operator.log"
    operator = Operator.start(lab.control_plane, log, "--namespace", cluster.namespace)
    lab.closing(operator.stop)
    cluster.apply(fleet.release("5.4.0"), fleet.release("5.5.0", stack("v3-sick")))
    for name, node in zip(NAMES, nodes, strict=True):
        fleet.provision(node)
        cluster.apply(fleet.key_secret(node.keys.private), fleet.kaitu_node(name, node, **SPEC))
    for name in NAMES:
        fleet.wait_ready(cluster, name, 300)
    say("A sick release on osaka-1, no sshd on seoul-1")
    compose = {**SPEC["compose"], "version": "5.5.0"}  # type: ignore[dict-item]
    fleet.patch(cluster, "osaka-1", compose=compose)
    fleet.wait(cluster, "osaka-1", _undone, 300, "GateFailed, and undone")
    nodes[2].run("systemctl stop ssh")
    terminal = Terminal(cluster.kubeconfig, cluster.namespace)
    terminal.shows("reconcile", "seoul-1", "--wait")  # afresh: the open connection lives on
    fleet.wait(cluster, "seoul-1", lambda seen: not seen.ready, 60, "loss")
    return terminal


def _undone(seen: fleet.Seen) -> bool:
    return seen.says("InSync", "False", "GateFailed") and seen.says("Healthy", "True", "Healthy")


def main() -> int:
    with Lab.open() as lab:
        say("Three real nodes come up")
        terminal = fill(lab)
        say("What kaituctl shows of them")
        save("watch", "kaituctl watch", terminal.shows("watch", until="DialRefused"))
        save("status", "kaituctl status osaka-1", terminal.shows("status", "osaka-1"))
        save("doctor", "kaituctl doctor", terminal.shows("doctor"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
