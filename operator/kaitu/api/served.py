"""Whether the kind that a cluster serves is the one that this program was written for. Pure.

The API server drops in silence what its schema does not have: a status that is written to an
older CRD would lack fields for ever, and a spec would lose what it asks for.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from kaitu.api.crd import GROUP, KIND, VERSION, definition

OPENAPI: Final = f"/openapi/v3/apis/{GROUP}/{VERSION}"
"""Where every user of a cluster can read the schema that it serves."""
APPLY: Final = (
    "apply the CRDs of this version: kaitu-operator crds | kubectl apply --server-side -f -"
)
_MOST_NAMED: Final = 3
_LAST: Final = re.compile(r"(\[\])*(\.\w+|=[^=]*)$")


@dataclass(frozen=True, slots=True)
class Served:
    """Fields that the cluster lacks, and fields that it has beyond ours."""

    lacks: tuple[str, ...]
    beyond: tuple[str, ...]

    @property
    def too_old(self) -> str:
        """What is wrong and how to mend it; empty where the CRD has all that we use."""
        if not self.lacks:
            return ""
        return (
            f"the CRD kaitunodes is older than this program and lacks {_named(self.lacks)}; "
            f"{APPLY}"
        )

    @property
    def newer(self) -> str:
        """That somebody may ask for what this program cannot do."""
        if not self.beyond:
            return ""
        return (
            f"the CRD kaitunodes is newer than this program, which does not know "
            f"{_named(self.beyond)}: what uses that is InvalidSpec until the program is upgraded"
        )


def compare(openapi: Mapping[str, Any]) -> Served | None:
    """What the cluster's own document says; None where it does not have the kind (yet)."""
    found = next(filter(_is_ours, openapi.get("components", {}).get("schemas", {}).values()), None)
    if found is None:
        return None
    theirs, ours = frozenset(_fields(_parts(found))), _ours()
    return Served(tuple(sorted(ours - theirs)), tuple(sorted(theirs - ours)))


def _is_ours(schema: Mapping[str, Any]) -> bool:
    kind = {"group": GROUP, "version": VERSION, "kind": KIND}
    return kind in schema.get("x-kubernetes-group-version-kind", ())


def _parts(schema: Mapping[str, Any]) -> dict[str, Any]:
    parts = schema.get("properties", {})
    return {"properties": {name: parts[name] for name in ("spec", "status") if name in parts}}


@cache
def _ours() -> frozenset[str]:
    schema = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return frozenset(_fields(_parts(schema)))


def _fields(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The path of every field, and of every word that a field may have."""
    for word in schema.get("enum", ()):
        yield f"{path}={word}"
    for name, field in schema.get("properties", {}).items():
        where = f"{path}.{name}".removeprefix(".")
        yield where
        yield from _fields(field, where)
    if "items" in schema:
        yield from _fields(schema["items"], f"{path}[]")


def _named(fields: tuple[str, ...]) -> str:
    """The first of them; a field says enough of those below it."""
    tops = [one for one in fields if _LAST.sub("", one) not in {*fields} - {one}]
    more = len(tops) - _MOST_NAMED
    return ", ".join(tops[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
