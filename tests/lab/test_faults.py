"""A fault that the machine refuses at first is there by its deadline, or is not claimed to be."""

from types import SimpleNamespace
from typing import Any

from lab.command import Failed
from lab.faults import fault

BUSY = "OCI runtime pause failed: unable to freeze"


class BusyDocker:
    """Refuses the first two pauses, as a daemon on a busy machine does."""

    def __init__(self) -> None:
        self.refusals, self.paused = 2, False
        self.asked: list[str] = []

    def run(self, *args: str) -> str:
        self.asked.append(args[0])
        if args[0] == "inspect":
            return f"{str(self.paused).lower()}\n"
        if args[0] == "pause" and self.refusals:
            self.refusals -= 1
            raise Failed(args, 1, "", BUSY)
        self.paused = args[0] == "pause"
        return "container\n"


def test_a_node_that_cannot_be_frozen_at_once_is_frozen_later() -> None:
    docker = BusyDocker()
    node: Any = SimpleNamespace(docker=docker, container="container")

    with fault(node, "freeze"):
        assert docker.paused

    assert not docker.paused
    assert [one for one in docker.asked if one != "inspect"] == ["pause"] * 3 + ["unpause"]
