"""What the engine needs of a connection to a node; ``remote`` gives it, over SSH."""

from collections.abc import Mapping
from typing import Protocol

from kaitu.core.aspect import Answer
from kaitu.core.command import Command, Done


class Transport(Protocol):
    """One node. Every method raises ``KaituError`` when no answer can be had or believed.

    ``known`` is what its Docker said last, to be told with the next question (``Engine.known``).
    """

    known: bytes

    async def probe(self, data: Mapping[str, bytes]) -> dict[str, Answer]:
        """The answers of the wanted fragments, by name; ``data`` maps each to its stdin."""

    async def read(self, command: Command) -> dict[str, Answer]:
        """The answer of another reading command, as the one fragment of its name."""

    async def dial(self, ports: tuple[int, ...]) -> dict[int, str]:
        """What each port said to a dial: ``open``, ``refused``, ``timeout``, ``unreachable``."""

    async def write(self, command: Command, guard: tuple[str, ...]) -> Done:
        """Run one writing command, with the words by which the node's guard decides."""
