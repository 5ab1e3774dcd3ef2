"""The fleet brake: how many nodes of a namespace may be disturbed at the same time.

A slot is taken before the first disruptive step of a visit and given back by a trusted visit
that finds the node at rest. A node that is lost in between keeps its slot: it may be broken.
Who is refused one stands in line until it gets one or no longer asks. Where several processes
share a namespace, slots are confirmed between them (``controller/sharing.py``); those of others
count as taken here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Node = tuple[str, str]  # namespace, name


@dataclass(slots=True)
class Slots:
    """Who holds a slot, who waits for one, and which releases are held and where."""

    limit: Callable[[], int]
    _taken: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _confirmed: set[Node] = field(default_factory=set)
    _elsewhere: dict[str, set[str]] = field(default_factory=dict)
    _line: dict[Node, None] = field(default_factory=dict)  # the longest wait first
    _held: dict[Node, str] = field(default_factory=dict)

    def take(self, node: Node) -> bool:
        """Take a slot, or keep the one the node has; False when all are taken."""
        namespace, name = node
        taken = self._taken[namespace]
        if name not in taken and self._count(namespace) >= self.limit():
            self.wait(node)
            return False
        taken.add(name)
        self.leave(node)
        return True

    def has(self, node: Node) -> bool:
        return node[1] in self._taken[node[0]]

    def keep(self, node: Node) -> None:
        """Others know of the node's slot, or it had one before this process started: it keeps it,
        whatever the limit.
        """
        self._taken[node[0]].add(node[1])
        self._confirmed.add(node)

    def fits(self, node: Node) -> bool:
        """Whether a slot that was taken can be the node's, now that those of others are known.
        It is once they have been told: then ``keep``, else ``refuse``.
        """
        return node in self._confirmed or self._count(*node) <= self.limit()

    def refuse(self, node: Node) -> None:
        """The slot that was taken is another's: the node stands in line again."""
        self.free(node)
        self.wait(node)

    def confirmed(self) -> frozenset[Node]:
        """Those of this process that others must count."""
        return frozenset(self._confirmed)

    def see_elsewhere(self, nodes: Iterable[Node]) -> set[str]:
        """Who holds a slot under other processes; the namespaces in which fewer do than before."""
        before, self._elsewhere = self._elsewhere, {}
        for namespace, name in nodes:
            self._elsewhere.setdefault(namespace, set()).add(name)
        return {one for one, names in before.items() if names - self._elsewhere.get(one, set())}

    def _count(self, namespace: str, *more: str) -> int:
        return len(self._taken[namespace] | self._elsewhere.get(namespace, set()) | {*more})

    def wait(self, node: Node) -> None:
        """Stand in line, or keep the place one has there."""
        self._line.setdefault(node)

    def leave(self, node: Node) -> bool:
        """The node waits no more; True when it did, so that the next may have its turn."""
        waited = node in self._line
        self._line.pop(node, None)
        return waited

    def next(self, namespace: str) -> list[Node]:
        """As many of those who wait as there are free slots, the longest wait first."""
        return self._waiting(namespace)[: self._room(namespace)]

    def spare(self, namespace: str) -> bool:
        """There are more free slots than nodes that wait for one."""
        return self._room(namespace) > len(self._waiting(namespace))

    def _room(self, namespace: str) -> int:
        return max(0, self.limit() - self._count(namespace))

    def _waiting(self, namespace: str) -> list[Node]:
        return [node for node in self._line if node[0] == namespace]

    def free(self, node: Node) -> bool:
        """Give the slot back; True when there was one, so that those who wait can be woken."""
        taken = self._taken[node[0]]
        had = node[1] in taken
        taken.discard(node[1])
        self._confirmed.discard(node)
        return had

    def hold(self, node: Node, release: str | None) -> None:
        """Remember the release that is held on this node; None ends its hold."""
        if release is None:
            self._held.pop(node, None)
        else:
            self._held[node] = release

    def held_elsewhere(self, node: Node, release: str) -> str | None:
        """The name of another node of the namespace on which this release is held.

        Where it is held here as well, it is only planned when a person asks for another try.
        """
        if self._held.get(node) == release:
            return None
        return next(
            (
                name
                for (namespace, name), held in self._held.items()
                if held == release and namespace == node[0] and name != node[1]
            ),
            None,
        )

    def forget(self, node: Node) -> bool:
        """The node left the cluster: its slot, its place in line and its hold go."""
        self.hold(node, None)
        return self.free(node) | self.leave(node)

    def holders(self, namespace: str) -> list[str]:
        """The names of the nodes that have a slot."""
        return sorted(self._taken[namespace] | self._elsewhere.get(namespace, set()))

    def all_holders(self) -> list[Node]:
        """Also for a thread that does not hold up the others: it looks at copies."""
        taken = list(self._taken.items())
        return [(namespace, name) for namespace, names in taken for name in list(names)]

    @property
    def taken(self) -> int:
        return len(self.all_holders())
