"""What the operator remembers of a node between visits, in this process only."""

from dataclasses import dataclass, replace
from typing import Final

from kaitu.core.facts import HostFacts

FLAP_WINDOW: Final = 600.0
FLAPS_ALLOWED: Final = 4


@dataclass(slots=True)
class Memory:
    """Failures in a row, the last finished visit and how often the node came and went.

    Times are the monotonic clock's, in seconds, where nothing else is said.
    """

    streak: int = 0  # failed visits in a row
    attempts: int = 0  # visits in a row that failed, or left something to retry, since an edit
    farewells: int = 0  # attempts to release the node of a deleted resource
    slow: bool = False  # its last turn took long: it is not to hold up the others
    polls: int = 0  # looks at the same running job
    good: int = 0  # trusted visits in a row
    fresh_until: float = 0.0
    host: HostFacts | None = None  # figures of the last trusted visit, for metrics
    contact: float = 0.0  # when that was, Unix time; 0: not known
    success: float = 0.0  # when the node was last found Ready, Unix time; 0: not known
    losses: tuple[float, ...] = ()  # the latest; an empty deque would take 600 bytes

    def failed(self, now: float) -> None:
        if self.streak == 0:
            self.losses = (*self.losses[-FLAPS_ALLOWED:], now)
        self.streak += 1
        self.attempts += 1
        self.good = 0

    def trusted(self) -> None:
        if self.streak:
            self.attempts = 0
        self.streak = 0
        self.good += 1

    def flapping(self, now: float) -> bool:
        """Lost more than four times in ten minutes: one good visit is not believed yet."""
        recent = [lost for lost in self.losses if now - lost < FLAP_WINDOW]
        return len(recent) > FLAPS_ALLOWED and self.good < 2

    def renew(self) -> None:
        """The spec or what it refers to has changed: what failed before says nothing of it."""
        self.attempts = self.polls = 0


def figures(host: HostFacts) -> HostFacts:
    """What metrics show of a machine: the texts beside it are megabytes in a large fleet."""
    return replace(host, os="", kernel="", machine="-", owner=None, fence=None, ipv6=(), downs=())
