"""Who saw what a release did to a node: its own Docker."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from integration.visits import started
from lab.node import Node
from lab.wait import until

TOUCH = frozenset(
    {"create", "start", "restart", "stop", "kill", "die", "oom", "pause", "unpause", "update"}
    | {"rename", "destroy"}
)
LOSS = frozenset({"destroy", "remove", "prune"})
KINDS = "".join(f" --filter type={kind}" for kind in ("container", "network", "volume"))


@dataclass(frozen=True)
class Event:
    """One line of Docker's event log; a container of compose goes by its service's name."""

    at: float
    kind: str
    deed: str
    name: str

    @classmethod
    def of(cls, line: str) -> "Event":
        found = json.loads(line)
        said = found["Actor"]["Attributes"]
        name = said.get("com.docker.compose.service") or said.get("name", found["Actor"]["ID"])
        return cls(found["timeNano"] / 1e9, found["Type"], found["Action"], name)


@dataclass
class Witness:
    """What happened on the node while the block ran: to be asked after it."""

    node: Node
    before: dict[str, str]
    after: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def touches(self) -> list[Event]:
        return [one for one in self.events if one.kind == "container" and one.deed in TOUCH]

    @property
    def lost(self) -> list[str]:
        """Networks and volumes that were removed."""
        gone = [one for one in self.events if one.kind != "container" and one.deed in LOSS]
        return [f"{one.kind} {one.name}" for one in gone]

    @property
    def moved(self) -> set[str]:
        """The containers that run since another time than before, by name."""
        names = self.before.keys() | self.after.keys()
        return {name for name in names if self.before.get(name) != self.after.get(name)}

    def only(self, *services: str) -> None:
        """These were touched and nothing else, as the event log and the containers say."""
        told = {one.name for one in self.touches}
        assert not self.lost, f"{self.node.name} lost {self.lost}"
        assert told == set(services), f"{self.node.name}: touched were {told}: {self.touches}"
        assert self.moved == set(services), f"{self.node.name}: restarted were {self.moved}"


@contextmanager
def witness(node: Node) -> Iterator[Witness]:
    """Docker's log is followed, not asked afterwards: it forgets after 256 events."""
    seen, unit = Witness(node, started(node)), f"witness-{uuid4().hex[:8]}"
    since = node.run("date +%s.%N").strip()
    follow = f"docker events --since {since}{KINDS} --format '{{{{json .}}}}'"
    output = f"-p StandardOutput=file:/run/{unit}"
    node.run(f"systemd-run -q --unit {unit} {output} {follow}")
    try:
        yield seen
        node.run(f"docker volume create {unit}")  # its event comes after all others
        until(lambda: unit in node.read(f"/run/{unit}"), 60, f"{node.name}'s last event")
        lines = node.read(f"/run/{unit}").splitlines()
        seen.events = [one for one in map(Event.of, lines) if one.name != unit]
        seen.after = started(node)
    finally:
        node.run(f"systemctl stop {unit}; docker volume rm -f {unit}", check=False)
