"""What must change: an ordered tuple of steps, empty when everything is as wanted."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from kaitu.core.command import Command


class Disrupts(StrEnum):
    """What a step may disturb while it runs; anything but NOTHING asks for admission first."""

    NOTHING = "nothing"
    SERVICES = "services"
    HOST = "host"


class Action(StrEnum):
    """What happens to a service; UNSURE where that cannot be told before it is done."""

    STARTED = "started"
    RECREATED = "recreated"
    RESTARTED = "restarted"
    REMOVED = "removed"
    UNSURE = "unsure"


class Touched(NamedTuple):
    """One service of a deployment that a step does not leave as it is."""

    name: str
    action: Action


@dataclass(frozen=True, slots=True)
class Step:
    """One change, for people (``text``, never a secret value) and for the node (``command``).

    ``services`` are those that it touches; None where nobody has asked, or it cannot be told.
    ``at_once`` does this step and what it prepares in one go; only a node with a slot may do that.
    """

    text: str
    command: Command
    disrupts: Disrupts = Disrupts.NOTHING
    item: str = ""  # what drifted: a key, an entry, a file; shown in status.drift
    kind: str = "changed"  # missing | changed | extra | stopped
    release: str = ""  # key of a release that was never verified on this node and is started now
    services: tuple[Touched, ...] | None = None
    at_once: "Step | None" = None
    finishes: bool = False  # what was begun, from what the node knows: no other section is needed

    @property
    def foretold(self) -> str:
        """The text with what becomes of the services, where that is known."""
        if self.services is None:
            return self.text
        touched = ", ".join(f"{name} {action}" for name, action in self.services)
        return f"{self.text} ({touched or 'no service is touched'})"


Plan = tuple[Step, ...]
