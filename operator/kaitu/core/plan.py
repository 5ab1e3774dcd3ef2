"""What must change: an ordered tuple of steps, empty when everything is as wanted."""

from dataclasses import dataclass
from enum import StrEnum

from kaitu.core.command import Command


class Disrupts(StrEnum):
    """What a step may disturb while it runs; anything but NOTHING asks for admission first."""

    NOTHING = "nothing"
    SERVICES = "services"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Step:
    """One change, for people (``text``, never a secret value) and for the node (``command``)."""

    text: str
    command: Command
    disrupts: Disrupts = Disrupts.NOTHING
    item: str = ""  # what drifted: a key, an entry, a file; shown in status.drift
    kind: str = "changed"  # missing | changed | extra | stopped
    release: str = ""  # key of a release that was never verified on this node and is started now


Plan = tuple[Step, ...]
