"""What is kept of a Secret or ConfigMap, and for how long. Pure: the time is an argument."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kaitu.cluster.errors import ApiError, Forbidden, Missing
from kaitu.core.secrets import Secret

FRESH: Final = 60.0
"""Seconds for which an object is believed to be as it was read."""
ABSENT: Final = 5.0
"""The same where there was none or it could not be read: a Secret just created is soon seen."""
UNUSED: Final = 600.0
"""Seconds after which an object that nobody asked for is forgotten."""

_FIELDS: Final = ("data", "binaryData")

Object = tuple[str, str, str]  # kind, namespace, name


@dataclass(frozen=True, slots=True)
class Found:
    """The part of an object that values are taken from; no value can be printed by accident."""

    version: str
    kind: str
    labels: Mapping[str, str]
    fields: Mapping[str, Mapping[str, Secret]] = field(repr=False)

    def body(self) -> dict[str, Any]:
        """In the shape of the API. It holds the values as plain text: use it and let it go."""
        shown = {name: _revealed(values) for name, values in self.fields.items()}
        return {"type": self.kind, "metadata": {"labels": dict(self.labels)}, **shown}

    def plain(self) -> list[str]:
        """Every value as text, for the one who keeps them out of the log."""
        texts = (value.reveal() for values in self.fields.values() for value in values.values())
        return [_decoded(text) for text in texts]


def _decoded(text: str) -> str:
    """What the API server sent in base64. A value that is no text is never logged as it is."""
    return base64.b64decode(text).decode(errors="ignore")


def _revealed(values: Mapping[str, Secret]) -> dict[str, str]:
    return {key: value.reveal() for key, value in values.items()}


def found(body: Mapping[str, Any]) -> Found:
    """What is kept of an object as the API server sent it."""
    fields = {name: body.get(name) or {} for name in _FIELDS}
    return Found(
        version=body["metadata"]["resourceVersion"],
        kind=body.get("type", "Opaque"),
        labels=body["metadata"].get("labels") or {},
        fields={n: {k: Secret(v) for k, v in values.items()} for n, values in fields.items()},
    )


@dataclass(slots=True)
class Known:
    """The last answer about an object, when it came, and when somebody last asked for it."""

    answer: Found | ApiError
    read: float
    asked: float


def due(known: Known, now: float) -> bool:
    """Whether the object should be read again."""
    return now - known.read >= (FRESH if isinstance(known.answer, Found) else ABSENT)


def unused(known: Known, now: float) -> bool:
    return now - known.asked >= UNUSED


def version(answer: Found | ApiError) -> str:
    """What tells two states of the object apart; empty when the server said nothing of it."""
    if isinstance(answer, Found):
        return answer.version
    return type(answer).__name__ if isinstance(answer, Missing | Forbidden) else ""


def take(known: Known, answer: Found | ApiError, sent: float) -> bool:
    """Take in an answer to a question sent at ``sent``; whether nodes must look again.

    What is known stays when the server does not answer, and when a later question was answered
    before this one.
    """
    if sent < known.read:
        return False
    if isinstance(known.answer, Found) and not version(answer):
        known.read = sent - FRESH + ABSENT
        return False
    moved = version(known.answer) != version(answer)
    known.answer, known.read = answer, sent
    return moved
