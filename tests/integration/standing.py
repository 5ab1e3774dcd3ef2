"""A KaituNode in order, with an operator process over it: what the tests of faults break."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lab import fleet, programs
from lab.cluster import Cluster
from lab.command import Child
from lab.fleet import Seen
from lab.node import Node
from lab.operator import Operator
from lab.stack import FOLDER, stack
from lab.steps import say
from lab.wait import until

NAME = "vps"
CC = "net.ipv4.tcp_congestion_control"
SPEC: dict[str, Any] = {
    "timeout": "30s",  # longer than the node gives a docker that hangs
    "sysctl": {"settings": [{"name": CC, "value": "bbr"}]},
    "env": {"vars": [{"name": "K2_LOG_LEVEL", "value": "info"}]},
    "compose": {"version": "1.0.0", "update": {"attempts": 2, "gate": {"timeout": "30s"}}},
}
ENV = f"{FOLDER}/.env"
FILE = f"{FOLDER}/docker-compose.yml"
STATE = "/var/lib/kaitu-operator"
STARTED = "docker ps -aq | xargs docker inspect -f '{{.Name}} {{.State.StartedAt}}'"


@dataclass
class Vps:
    """The node, its resource ``vps``, and what a test does to both; how long it waited is said."""

    cluster: Cluster
    node: Node

    def apply(self) -> None:
        fleet.provision(self.node)
        self.cluster.apply(
            fleet.key_secret(self.node.keys.private),
            fleet.release("1.0.0"),
            fleet.kaitu_node(NAME, self.node, **SPEC),
        )

    def restore(self) -> None:
        """The spec as it was, and the node in order again."""
        wanted = fleet.kaitu_node(NAME, self.node, **SPEC)["spec"]
        body = json.dumps([{"op": "replace", "path": "/spec", "value": wanted}])
        self.cluster.kubectl("patch", "kaitunode", NAME, "--type=json", "-p", body)
        self.visited()  # none is under way when the next test begins
        self.recovers(240)

    def edit(self, **spec: Any) -> None:
        fleet.patch(self.cluster, NAME, **spec)

    def connection(self, **changes: Any) -> dict[str, Any]:
        found: dict[str, Any] = fleet.kaitu_node(NAME, self.node)["spec"]["connection"]
        return {**found, **changes}

    def release(self, version: str, text: str, gate: str = "30s") -> None:
        self.cluster.apply(fleet.release(version, text))
        self.edit(compose={"version": version, "update": {"gate": {"timeout": gate}}})

    def ask(self) -> str:
        """Visit now, on a fresh connection: what a person does who has mended something."""
        place = "jsonpath={.metadata.resourceVersion}"
        token = self.cluster.kubectl("get", "kaitunode", NAME, "-o", place)
        text = f"fleet.kaitu.io/requestedAt={token}"
        self.cluster.kubectl("annotate", "--overwrite", "kaitunode", NAME, text)
        return token

    def visited(self) -> Seen:
        """A visit that began after this call has finished."""
        token = self.ask()
        return self.sees(
            lambda s: s.status.get("handled", {}).get("requestedAt") == token, "a visit"
        )

    def sees(self, check: Callable[[Seen], bool], what: str, timeout: float = 90) -> Seen:
        began = time.monotonic()
        seen = fleet.wait(self.cluster, NAME, lambda s: s.current and check(s), timeout, what)
        say(f"{what} after {time.monotonic() - began:.1f} s")
        return seen

    def says(self, kind: str, status: str, reason: str, timeout: float = 90) -> Seen:
        """The condition is so; and nothing that is not in order is called Ready."""
        seen = self.sees(lambda s: s.says(kind, status, reason), reason, timeout)
        assert seen.condition("Ready")["status"] != "True"
        return seen

    def breaks(self, reason: str, timeout: float = 120) -> Seen:
        return self.says("InSync", "False", reason, timeout)

    def recovers(self, timeout: float = 120) -> Seen:
        return self.sees(lambda s: s.ready, "Ready", timeout)

    def runs(self, version: str) -> None:
        """Every service runs the images of this version."""
        images = self.node.run("docker ps --format '{{.Image}}'").split()
        assert [image.rpartition(":")[2] for image in images] == [version] * 4

    def started(self, *names: str) -> dict[str, str]:
        """When each container started, or those that are named."""
        lines = self.node.run(STARTED).splitlines()
        found = dict(line.removeprefix("/").split() for line in lines)
        return {name: found[name] for name in names or found}

    @contextmanager
    def watched(self) -> Iterator[list[Seen]]:
        """Every state of the resource while the block runs, for use after it: none is missed."""
        seen: list[Seen] = []
        with TemporaryDirectory() as folder:
            log = Path(folder) / "watch"
            kubectl = (str(programs.kubectl()), "--kubeconfig", str(self.cluster.kubeconfig))
            words = ("--namespace", self.cluster.namespace, "get", "kaitunode", NAME)
            child = Child.start(*kubectl, *words, "--watch", "-o", "json", log=log)
            try:
                until(lambda: _states(log), 30, "watch of the resource")
                yield seen
                last = fleet.look(self.cluster, NAME).version
                until(lambda: _states(log)[-1].version >= last, 30, "last state of the resource")
                seen.extend(_states(log))
            finally:
                child.stop()

    def files(self) -> tuple[str, str]:
        return self.node.read(FILE), self.node.read(ENV)

    def job(self) -> str:
        """The phase of the job that runs on the node; empty when none does."""
        lock = f"flock -n -s {STATE}/job.lock true"
        words = self.node.run(f"{lock} || cat {STATE}/job/state", check=False).split()
        return words[-1] if words else ""

    def phase(self, phase: str, timeout: float = 90) -> None:
        until(lambda: self.job() == phase, timeout, f"job in phase {phase}")

    def idle(self, timeout: float = 120) -> None:
        until(lambda: not self.job(), timeout, "end of the job")


@dataclass
class Standing(Vps):
    """With an operator process of its own over it."""

    start: Callable[[], Operator]
    operator: Operator = field(init=False)

    def set_up(self) -> None:
        self.apply()
        self.operator = self.start()
        self.recovers(240)


def _states(log: Path) -> list[Seen]:
    """The JSON documents in a file, of which the last may not be whole yet."""
    text, at, found = log.read_text(), 0, []
    while "{" in text[at:]:
        try:
            body, end = json.JSONDecoder().raw_decode(text, text.index("{", at))
        except ValueError:
            break
        found.append(Seen(body))
        at = end
    return found


def slow(version: str, seconds: int = 5) -> str:
    """A release whose gate takes a while."""
    return stack(version).replace("${READY_DELAY:-1}", str(seconds))
