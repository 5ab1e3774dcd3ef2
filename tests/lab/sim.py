"""Simulated nodes for runs with more nodes than a machine can hold: see ``lab.simnode``."""

import re
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from lab import ports
from lab.command import Child
from lab.fleet import API, KEY_SECRET
from lab.keys import Keys
from lab.wait import until

POLICY: Final = "hosts: {deny: []}\nmaxDisrupted: 1\n"
"""Loopback, where the simulated nodes are, is denied to operators by default."""
KEY: Final = "net.kaitu.simulated"
"""A kernel setting that no kernel has: as an optional one it stands in the file only."""


FIRST: Final = "first"
"""The value with which every simulated node begins."""


class Manners(StrEnum):
    """How a simulated node behaves."""

    GOOD = "good"
    HANG = "hang"  # takes commands and never answers
    FLOOD = "flood"  # answers with megabytes of nothing
    MUTE = "mute"  # takes connections and never greets
    SLOW = "slow"  # answers after seconds


MANNERS: Final = dict(enumerate(Manners, 1))
"""By the second byte of an address."""
_BYTE: Final = {manners: byte for byte, manners in MANNERS.items()}


class Applied(NamedTuple):
    """A value that reached a node, when, in Unix time, and by whom: its fence and its process."""

    address: str
    value: str
    at: float
    counter: int
    process: str


class Refused(NamedTuple):
    """A write that a node did not take: it has seen a higher fence, or the same of another."""

    address: str
    counter: int
    stored: int


class Total(NamedTuple):
    """Of all nodes together, as of that Unix time."""

    logins: int
    probes: int
    open: int
    at: float


@dataclass(frozen=True)
class Simulated:
    """A process in which every address of loopback is a node, for any number of operators."""

    child: Child
    port: int
    host_key: str

    @classmethod
    def start(cls, state: Path, keys: Keys, delay: float = 0) -> "Simulated":
        (port,) = ports.free(1)
        log = state / f"simulated-{port}.log"
        public = keys.path.with_suffix(".pub")
        argv = (sys.executable, "-m", "lab.simnode", str(port), str(public), str(delay))
        child = Child.start(*argv, log=log)

        def ready() -> re.Match[str] | None:
            child.check()
            return re.search(r"^ready (\S+ \S+)", log.read_text(), re.MULTILINE)

        return cls(child, port, until(ready, 60, "simulated nodes")[1])

    def stop(self) -> None:
        self.child.stop()

    def applied(self, offset: int = 0) -> list[Applied]:
        """What was written to nodes since the log was so long, in the order in which it was."""
        return [
            Applied(address, value, float(at), int(counter), process)
            for address, value, at, counter, process in self._told("applied", offset)
        ]

    def refused(self, offset: int = 0) -> list[Refused]:
        """What nodes did not take since then: each knows the highest fence that it has seen."""
        return [
            Refused(address, int(counter), int(stored))
            for address, counter, stored in self._told("refused", offset)
        ]

    def _told(self, word: str, offset: int) -> list[list[str]]:
        with self.child.log.open() as file:
            file.seek(offset)
            rows = [line.split() for line in file if line.endswith("\n")]
        return [row[1:] for row in rows if row and row[0] == word]

    def total(self) -> Total:
        """Less than half a second old, unless the machine is busy."""
        with self.child.log.open("rb") as file:
            file.seek(max(0, self.mark() - (1 << 16)))
            rows = [line.split() for line in file if line.startswith(b"total") and b"." in line]
        _, logins, probes, now_open, at = rows[-1]
        return Total(int(logins), int(probes), int(now_open), float(at))

    def mark(self) -> int:
        return self.child.log.stat().st_size

    def kaitu_node(
        self, name: str, number: int, manners: Manners = Manners.GOOD, **spec: Any
    ) -> dict[str, Any]:
        """The KaituNode of one of the nodes."""
        connection = {
            "host": address(number, manners),
            "port": self.port,
            "user": "root",
            "privateKeySecretRef": {"name": KEY_SECRET},
            "hostKeys": [self.host_key],
        }
        return {
            "apiVersion": API,
            "kind": "KaituNode",
            "metadata": {"name": name},
            "spec": {"connection": connection, "sysctl": wanted(FIRST), **spec},
        }


def address(number: int, manners: Manners = Manners.GOOD) -> str:
    return f"127.{_BYTE[manners]}.{number // 250}.{number % 250 + 1}"


def wanted(value: str) -> dict[str, Any]:
    """A section of which nothing but a file follows: no node is disturbed by an edit of it."""
    return {"settings": [{"name": KEY, "value": value, "optional": True}]}
