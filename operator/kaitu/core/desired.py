"""The merged and resolved state of one node: what the engine works from, never a KaituNode."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kaitu.core.errors import KaituError
from kaitu.core.models import Mode
from kaitu.core.secrets import Secret

DEFAULT_DIRECTORY: Final = "/apps/kaitu-slave"
PROTECTED_NAMES: Final = frozenset({"K2_NODE_SECRET"})


@dataclass(frozen=True, slots=True)
class Reference:
    """One key of a Secret or ConfigMap in the node's own namespace."""

    kind: str  # "Secret" | "ConfigMap"
    name: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}, key {self.key}"


@dataclass(frozen=True, slots=True)
class Requests:
    """What a person asked for beside the spec, and the moment it is asked at.

    ``retry`` names what is held and shall be tried again; ``pull_at`` is any text, once per value.
    ``share`` (0 to 1) tells where in a jitter this node has its place.
    """

    retry: str = ""
    pull_at: str = ""
    now: int = 0
    share: float = 0.0


NOTHING_ASKED: Final = Requests()


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything one visit needs to know about what the node should be.

    ``sections`` holds the present sections of the spec by aspect name; ``values`` what each
    reference resolves to, or the error that says why it does not; ``refused`` why the policy does
    not let a section be managed.
    """

    namespace: str
    name: str
    sections: Mapping[str, Any]
    values: Mapping[Reference, Secret | KaituError] = field(repr=False)
    directory: str = DEFAULT_DIRECTORY
    protected: frozenset[str] = PROTECTED_NAMES
    mode: Mode = Mode.ENFORCE
    refused: Mapping[str, KaituError] = field(default_factory=dict)
    requests: Requests = NOTHING_ASKED
    resolved: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """What more than one aspect needs of it, worked out once."""

    def value(self, reference: Reference) -> Secret:
        """The referenced value; raises the ``KaituError`` that names what is missing."""
        found = self.values[reference]
        if isinstance(found, KaituError):
            raise found
        return found
