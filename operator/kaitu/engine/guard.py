"""Is it the fleet that fails, or the observer? Many nodes lost at once put the blame on us.

Then nothing is written to any node, while visits go on, until few of those nodes are still lost.
"""

from dataclasses import dataclass, field
from typing import Final

from kaitu.engine.slots import Node

SHARE: Final = 0.2
"""More of the fleet than this."""
LEAST: Final = 3
"""However small the fleet: two nodes may well fail together."""
SUDDEN: Final = 2
"""Within so many intervals of the node."""


@dataclass(slots=True)
class Guard:
    """Which nodes were seen at their last visit, and which of the lost ones make us suspects.

    A node that was lost before, or was never seen, says nothing new. Times are in seconds.
    """

    frozen: bool = False
    _seen: dict[Node, bool] = field(default_factory=dict)
    _suspects: dict[Node, float] = field(default_factory=dict)  # until when the loss is sudden

    def saw(self, node: Node) -> None:
        """A visit of the node was trusted; after a restart, its status says that one was."""
        self._seen[node] = True
        self._clear(node)

    def missed(self, node: Node, now: float, interval: float) -> None:
        """A visit did not reach the node, or could not believe it."""
        if not self.frozen:
            self._suspects = {one: end for one, end in self._suspects.items() if end > now}
        if self._seen.get(node):
            self._suspects[node] = now + SUDDEN * interval
        self._seen[node] = False
        self.frozen = self.frozen or self._many()

    def forget(self, node: Node) -> None:
        """The node is not visited any more."""
        self._seen.pop(node, None)
        self._clear(node)

    def _clear(self, node: Node) -> None:
        self._suspects.pop(node, None)
        self.frozen = self.frozen and self._many()

    def _many(self) -> bool:
        lost = len(self._suspects)
        return lost >= LEAST and lost > SHARE * len(self._seen)
