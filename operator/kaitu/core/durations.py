"""Go durations (``90s``, ``1m30s``), as the rest of a cluster writes them."""

import re
from typing import Annotated, Any, Final

from pydantic import Field

from kaitu.core.rules import Rule

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = r"[0-9]+(\.[0-9]+)?(ms|s|m|h)"
_PARTS: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
PATTERN: Final = rf"^({_PART})+$"

Duration = Annotated[str, Field(pattern=PATTERN, max_length=20)]


def seconds(text: str) -> float:
    """The length in seconds. Raises ``ValueError`` for anything but a Go duration without sign."""
    if not re.fullmatch(rf"({_PART})+", text):
        raise ValueError("is not a Go duration such as 90s or 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PARTS.findall(text))


def between(least: str, most: str) -> Rule:
    """The rule that a duration lies in a range, ends included."""

    def holds(text: Any) -> bool:
        return seconds(least) <= seconds(text) <= seconds(most)

    cel = f"duration(self) >= duration('{least}') && duration(self) <= duration('{most}')"
    return Rule(f"must be from {least} to {most}", cel, holds)
