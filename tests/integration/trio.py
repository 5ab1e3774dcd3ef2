"""Three nodes of one namespace that follow one release, with one operator over them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from integration.witness import Witness, witness
from lab import fleet
from lab.cluster import Cluster
from lab.fleet import Seen
from lab.node import Node
from lab.operator import Operator
from lab.stack import FOLDER
from lab.wait import until

VERSION = "1.0.0"
SPEC = {"compose": {"version": VERSION, "update": {"gate": {"timeout": "20s"}}}}
RECORD = "/var/lib/kaitu-operator/record"


@dataclass(frozen=True)
class Turn:
    """From the first container that a release touched on a node until it was verified."""

    name: str
    began: float
    ended: float


@dataclass
class Trio:
    cluster: Cluster
    nodes: Mapping[str, Node]
    start: Callable[..., Operator]  # by a policy and further words
    text: str  # the release that all three were seen in order with
    operator: Operator = field(init=False)

    def lead(self, policy: str = "{}\n") -> None:
        """Put the three under an operator with this policy."""
        self.operator = self.start(policy)

    def led_anew(self) -> None:
        """The operator's process is another from now on."""
        self.operator.stop()
        self.lead()

    def apply(self) -> None:
        """What a person applies for new nodes."""
        first = next(iter(self.nodes.values()))
        made = [fleet.kaitu_node(name, node, **SPEC) for name, node in self.nodes.items()]
        key = fleet.key_secret(first.keys.private)
        self.cluster.apply(key, fleet.release(VERSION, self.text), *made)

    def edit(self, text: str) -> None:
        """One ConfigMap is changed, and read again at once: no KaituNode is edited."""
        self.cluster.apply(fleet.release(VERSION, text))
        self.ask(next(iter(self.nodes)))

    def ask(self, name: str) -> str:
        """Visit this one now, and read again what it refers to."""
        place = "jsonpath={.metadata.resourceVersion}"
        token = self.cluster.kubectl("get", "kaitunode", name, "-o", place)
        text = f"fleet.kaitu.io/requestedAt={token}"
        self.cluster.kubectl("annotate", "--overwrite", "kaitunode", name, text)
        return token

    def visited(self, name: str) -> Seen:
        """A visit of this one that began after this call has finished."""
        token = self.ask(name)
        return self.sees(
            name, lambda s: s.status.get("handled", {}).get("requestedAt") == token, "a visit"
        )

    def sees(
        self, name: str, check: Callable[[Seen], bool], what: str, timeout: float = 120
    ) -> Seen:
        return fleet.wait(self.cluster, name, check, timeout, what)

    def says(self, name: str, reason: str, timeout: float = 120) -> Seen:
        """Why this one is not in sync."""
        return self.sees(name, lambda s: s.says("InSync", "False", reason), reason, timeout)

    def settle(self, text: str, *names: str) -> None:
        """These, or all, are in order with this file."""
        wanted = hashlib.sha256(text.encode()).hexdigest()

        def done(seen: Seen) -> bool:
            return seen.ready and seen.status["compose"].get("fileDigest") == wanted

        for name in names or self.nodes:
            self.sees(name, done, "order", 240)
        self.text = self.text if names else text

    @contextmanager
    def watched(self) -> Iterator[dict[str, Witness]]:
        with ExitStack() as watching:
            yield {n: watching.enter_context(witness(node)) for n, node in self.nodes.items()}

    def stopped_at(self, reason: str) -> str:
        """The name of the one that stopped for this reason, once there is one."""
        return until(lambda: self._first(reason), 120, reason)

    def _first(self, reason: str) -> str:
        seen = ((name, fleet.look(self.cluster, name)) for name in self.nodes)
        return next((name for name, one in seen if one.says("InSync", "False", reason)), "")

    def files(self, name: str) -> str:
        """Names, times and contents of the deployment's files."""
        list_them = f"cd {FOLDER} && stat -c '%n %i %y' .env docker-compose.yml && cat * .env"
        return self.nodes[name].run(list_them)


def other(text: str, service: str) -> str:
    """The release with another image of this service alone."""
    old, new = ("v1", "v2") if f"/{service}:v1" in text else ("v2", "v1")
    return text.replace(f"/{service}:{old}", f"/{service}:{new}")


def turn(seen: Witness) -> Turn:
    verified = float(seen.node.run(f"stat -c %.9Y {RECORD}"))
    return Turn(seen.node.name, min(one.at for one in seen.touches), verified)


def most_at_once(seen: Mapping[str, Witness]) -> int:
    """How many nodes were being changed at the same time, at most."""
    turns = [turn(one) for one in seen.values()]
    return max(sum(a.began <= b.began <= a.ended for a in turns) for b in turns)
