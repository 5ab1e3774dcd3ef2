"""Whether a visited node is at rest, or keeps its slot of the fleet brake."""

from kaitu.engine.slots import Node, Slots
from kaitu.engine.visit import Visit


def keeps_slot(slots: Slots, node: Node, found: Visit, *, ours: bool) -> bool:
    """Whether the node has a slot and keeps it. One that is seen half changed has one whatever the
    limit: the process that took it may have ended, or been told nothing of what it began.
    """
    if ours and found.disturbed:
        slots.keep(node)
        return True
    return found.unsettled and slots.has(node)
