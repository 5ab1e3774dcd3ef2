"""A value that cannot be printed by accident."""

from typing import NoReturn


class Secret:
    """Text that only ``reveal()`` gives out; it has no str, format, JSON or telling repr."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Only for bytes that go to a node's stdin or to an SSH key parser."""
        return self._text

    def __repr__(self) -> str:
        return "Secret()"

    def __str__(self) -> NoReturn:
        raise TypeError("a Secret has no text form; call reveal() where the value must leave")

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a Secret has no text form; call reveal() where the value must leave")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not serialised")
