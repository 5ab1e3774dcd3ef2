"""Who saw what a release did to a node: its own Docker, and a client at its door."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
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


@dataclass
class Door:
    """Who answered at a port, and when: a client that knocks all the time."""

    address: tuple[str, int]
    answers: list[tuple[float, str]] = field(default_factory=list)

    @property
    def closed(self) -> float:
        """The longest time in seconds between two answers."""
        return max(later - earlier for (earlier, _), (later, _) in pairwise(self.answers))

    @property
    def hosts(self) -> list[str]:
        """Who answered, in turn."""
        names = [name for _, name in self.answers]
        return [name for before, name in pairwise(["", *names]) if name != before]

    def knock(self) -> str:
        """The page that says who serves; empty when nobody does."""
        try:
            with socket.create_connection(self.address, timeout=2) as link:
                link.sendall(b"GET / HTTP/1.0\r\n\r\n")
                page = b"".join(iter(lambda: link.recv(4096), b""))
        except OSError:
            return ""
        return page.decode().partition("\r\n\r\n")[2].strip()

    def knock_until(self, end: threading.Event) -> None:
        while not end.is_set():
            if name := self.knock():
                self.answers.append((time.monotonic(), name))
            end.wait(0.02)


@contextmanager
def knocking(node: Node, port: int) -> Iterator[Door]:
    """A client knocks from before the block until after it, and is answered before and after."""
    door, end = Door((node.address, port)), threading.Event()
    client = threading.Thread(target=door.knock_until, args=(end,))
    client.start()
    try:
        until(lambda: door.answers, 30, f"answer at {port} of {node.name}")
        yield door
        count = len(door.answers)
        until(lambda: len(door.answers) > count, 60, f"answer at {port} of {node.name}")
    finally:
        end.set()
        client.join()
