"""What the API server said about each KaituNode, as far as a visit needs it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kaitu.api.annotations import TOKENS
from kaitu.api.crd import GROUP
from kaitu.engine.memory import Memory

FINALIZER: Final = f"{GROUP}/release"

Key = tuple[str, str]  # namespace, name


@dataclass(slots=True)
class Record:
    """One KaituNode as last seen, and what this process remembers of it."""

    namespace: str
    name: str
    uid: str
    version: str
    generation: int
    spec: Mapping[str, Any]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    status: Mapping[str, Any]
    finalizers: tuple[str, ...]
    deleting: bool
    memory: Memory = field(default_factory=Memory)

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    @property
    def trigger(self) -> tuple[Any, ...]:
        """What a change of must lead to a visit; our own status writes change none of it."""
        return (self.uid, self.generation, self.labels, self.annotations, self.deleting)


def record(body: Mapping[str, Any]) -> Record:
    """A trimmed copy: managed fields and foreign annotations are not kept."""
    meta = body["metadata"]
    annotations = meta.get("annotations") or {}
    return Record(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        version=meta["resourceVersion"],
        generation=meta.get("generation", 0),
        spec=_shared(dict(body.get("spec") or {})),
        labels=_shared(dict(meta.get("labels") or {})),
        annotations={k: annotations[k] for k in TOKENS.values() if k in annotations},
        status=_shared(dict(body.get("status") or {})),
        finalizers=tuple(meta.get("finalizers") or ()),
        deleting="deletionTimestamp" in meta,
    )


def _shared(value: Any) -> Any:
    """The same with each text in memory once: every object brings its own copy of every name and
    reason, which is half of what thousands of them take.
    """
    if isinstance(value, Mapping):
        return {sys.intern(key): _shared(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shared(one) for one in value]
    return sys.intern(value) if type(value) is str else value


class Store:
    """All known KaituNodes by namespace and name."""

    def __init__(self) -> None:
        self._records: dict[Key, Record] = {}

    def see(self, body: Mapping[str, Any]) -> Record | None:
        """Take in a new state; the record when it calls for a visit, else None.

        A replayed older state of the same object is ignored.
        """
        new = record(body)
        old = self._records.get(new.key)
        if old and old.uid == new.uid:
            if older(new.version, old.version):
                return None
            new.memory = old.memory
        self._records[new.key] = new
        return None if old and old.trigger == new.trigger else new

    def wrote(self, body: Mapping[str, Any]) -> Record | None:
        """Our own write, taken in before the watch echoes it; as ``see``, for an edit that the
        watch has not told of may be in it. What was deleted meanwhile does not come back.
        """
        meta = body["metadata"]
        known = self._records.get((meta["namespace"], meta["name"]))
        return self.see(body) if known and known.uid == meta["uid"] else None

    def drop(self, key: Key) -> Record | None:
        return self._records.pop(key, None)

    def get(self, key: Key) -> Record | None:
        return self._records.get(key)

    def __len__(self) -> int:
        return len(self._records)

    def all(self) -> tuple[Record, ...]:
        return tuple(self._records.values())


def older(one: str, other: str) -> bool:
    """Resource versions are opaque by contract; where both are numbers, a smaller one is older."""
    return one.isdigit() and other.isdigit() and int(one) < int(other)
