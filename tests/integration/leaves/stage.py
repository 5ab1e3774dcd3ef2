"""The live node that rows edit, and how they see what came of an edit."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from lab import fleet
from lab.cluster import Cluster
from lab.fleet import Seen
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.wait import until

CC = "net.ipv4.tcp_congestion_control"
SYSCTL = {"settings": [{"name": CC, "value": "bbr"}]}
ENTRY = {"name": "leaf", "schedule": "17 3 * * *", "command": "/bin/true"}
BASE: dict[str, Any] = {
    "interval": "2s",
    "sysctl": SYSCTL,
    "cron": {"entries": [ENTRY]},
    "env": {"vars": [{"name": "K2_LOG_LEVEL", "value": "info"}]},
    "compose": {"version": "1.0.0"},
    "health": {},
}
SHELL_START = "/root/.bashrc"


@dataclass(frozen=True)
class Stage:
    """One live node and its resource; ``standing`` is the spec that every row starts from."""

    cluster: Cluster
    node: Node
    registry: Registry
    operator: Operator
    standing: dict[str, Any] = field(default_factory=lambda: dict(BASE))

    def edit(self, **spec: Any) -> None:
        """Put these fields of the spec as they are given; nothing is merged."""
        self._patch(
            {"op": "add", "path": f"/spec/{name}", "value": value} for name, value in spec.items()
        )

    def restore(self) -> None:
        wanted = fleet.kaitu_node("vps", self.node, **self.standing)["spec"]
        self._patch([{"op": "replace", "path": "/spec", "value": wanted}])
        self.ready()

    def move(self, **spec: Any) -> Seen:
        """An edit that ends in order; later rows start from it, which spares the way back."""
        self.edit(**spec)
        seen = self.ready()
        self.standing.update(spec)
        return seen

    def _patch(self, operations: Any) -> None:
        body = json.dumps(list(operations))
        self.cluster.kubectl("patch", "kaitunode", "vps", "--type=json", "-p", body)

    def connection(self, **changes: Any) -> dict[str, Any]:
        found: dict[str, Any] = fleet.kaitu_node("x", self.node)["spec"]["connection"]
        return {**found, **changes}

    def sees(self, check: Callable[[Seen], bool], what: str, timeout: float = 300) -> Seen:
        """The status, once it speaks of the newest spec and passes ``check``."""
        return fleet.wait(self.cluster, "vps", lambda s: s.current and check(s), timeout, what)

    def says(self, kind: str, reason: str) -> str:
        """The message of the condition, once it has this reason."""
        seen = self.sees(lambda s: s.condition(kind).get("reason") == reason, reason)
        return str(seen.condition(kind)["message"])

    def shows(self, script: str, wanted: str) -> None:
        until(
            lambda: self.node.run(script, check=False).strip() == wanted,
            300,
            f"{wanted!r} from {script!r}",
        )

    def ready(self) -> Seen:
        return fleet.wait_ready(self.cluster, "vps", 400)

    def drift(self) -> None:
        self.node.run(f"sysctl -qw {CC}=reno")

    def congestion(self, wanted: str) -> None:
        self.shows(f"sysctl -n {CC}", wanted)

    def visits(self) -> int:
        """How many visits have ended; only this node is visited."""
        counts = re.findall(
            r"^kaitu_visits_total\{.*\} (\d+)", self.operator.get("/metrics"), re.M
        )
        return sum(map(int, counts))

    def time_of(self, count: int) -> float:
        """Seconds in which so many visits ended."""
        before, began = self.visits(), time.monotonic()
        until(lambda: self.visits() >= before + count, 300, f"{count} visits")
        return time.monotonic() - began

    def quiet(self, seconds: float) -> bool:
        """Whether no visit ends for that long; one that is under way does not count."""
        busy = "kaitu_visits_in_progress 0.0"
        until(lambda: busy in self.operator.get("/metrics").splitlines(), 60, "end of a visit")
        before, end = self.visits(), time.monotonic() + seconds
        until(lambda: self.visits() > before or time.monotonic() > end, seconds + 60, "silence")
        return self.visits() == before

    @contextmanager
    def shell_start(self, line: str) -> Iterator[None]:
        """root's shell does this before each answer, which is a transient fault."""
        self.node.run(f"cp {SHELL_START} /run/shell-start && echo '{line}' >>{SHELL_START}")
        try:
            yield
        finally:
            self.node.run(f"cp /run/shell-start {SHELL_START}")


Act = Callable[[Stage], object]
Rows = dict[str, Act]
