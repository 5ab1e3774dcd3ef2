"""What a node remembers of its releases: the words of the fragment ``compose``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from kaitu.core.aspect import Answers, rows
from kaitu.core.errors import UnparsableError
from kaitu.core.text import one_line, unbase64

KINDS: Final = frozenset({"pull", "up", "repair", "record", "restore"})
HELD: Final = re.compile(r"[0-9a-f]{16}")
"""The name of what is held; no other text can be meant where one is asked for."""
AFTERWARDS: Final = frozenset({"due", "restored", "failed", "kept", "none"})
_SHA: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Record:
    """The release that was verified last; ``env_same``: its lines of .env are the wanted ones.

    ``services`` maps what it started to the ids of the images that ran.
    """

    key: str
    version: str
    file: str
    env_same: bool
    services: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """A release that failed on this node and is not tried again with the same input.

    ``name`` is its key, or, where newer images of the release ``key`` failed, a digest of them.
    ``then`` says what became of the release before: its restore is due, it was restored, that
    failed, all was kept as it is, or there was none.
    """

    name: str
    env_same: bool
    code: str
    service: str
    then: str
    key: str


class Moved(NamedTuple):
    """Newer images were pulled for the release ``key``; ``name`` is a digest of them."""

    key: str
    name: str


class Refreshed(NamedTuple):
    """The last pull: when its visit was (Unix time), and the request that it answered."""

    at: int
    request: str


class Update(NamedTuple):
    """How one release or refresh ended: Unix time of the node, version, code, service."""

    at: int
    version: str
    code: str
    service: str


@dataclass(frozen=True, slots=True)
class Result:
    """How the last job of a kind ended: ``tries`` in a row with this input, ``age`` in seconds."""

    key: str
    env_same: bool
    code: str
    detail: str
    tries: int
    age: int


class Running(NamedTuple):
    """The job that runs now; a dash where it has not said yet what it does."""

    kind: str
    key: str
    phase: str


@dataclass(frozen=True, slots=True)
class Releases:
    """The whole fragment. ``file`` is the digest of the compose file, or absent, or unsafe.

    ``pending`` is the key of a swap that was begun and not verified. ``hashes`` and ``images`` are
    there only where there is no record: the node's own config hashes by service, and the local id
    of each image reference.
    """

    directory: str
    file: str
    record: Record | None = None
    held: Held | None = None
    pending: str = ""
    moved: Moved | None = None
    refreshed: Refreshed | None = None
    updates: tuple[Update, ...] = ()
    running: Running | None = None
    results: Mapping[str, Result] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)

    def result(self, kind: str, key: str) -> Result | None:
        """How the last job of this kind ended, if it was about the same input."""
        found = self.results.get(kind)
        if kind == "restore":  # it has no input
            return found
        return found if found and found.key == key and found.env_same else None


_SAME: Final = {"same": True, "differs": False}


def parse_releases(answers: Answers) -> Releases:
    """What ``probe_compose.sh`` printed; raises ``UnparsableError`` where a line is another."""
    read = _Reader()
    for row in rows(answers, "compose"):
        read.take(row)
    if read.once.keys() != {"dir", "file", "job"}:
        raise UnparsableError("compose must tell of dir, file and job")
    running = read.once["job"]
    return Releases(
        directory=read.once["dir"][0],
        file=read.once["file"][0],
        record=read.record(),
        held=read.held,
        pending=read.pending,
        moved=read.moved,
        refreshed=read.refreshed,
        updates=tuple(read.updates),
        running=Running(*running[1:]) if running[0] == "running" else None,
        results=read.results,
        hashes=read.hashes,
        images=read.images,
    )


class _Reader:
    """Lines as they come, sorted by what they speak of."""

    def __init__(self) -> None:
        self.once: dict[str, list[str]] = {}
        self.recorded: tuple[str, str, str, bool] | None = None
        self.services: dict[str, str] = {}
        self.held: Held | None = None
        self.pending = ""
        self.moved: Moved | None = None
        self.refreshed: Refreshed | None = None
        self.updates: list[Update] = []
        self.results: dict[str, Result] = {}
        self.hashes: dict[str, str] = {}
        self.images: dict[str, str] = {}

    def record(self) -> Record | None:
        return Record(*self.recorded, self.services) if self.recorded else None

    def take(self, row: list[str]) -> None:
        match row:
            case ["dir", "absent" | "present" | "unsafe"] | ["job", "idle"]:
                self.once[row[0]] = row[1:]
            case ["job", "running", _, _, _]:
                self.once["job"] = [one_line(word) for word in row[1:]]
            case ["file", word] if word in {"absent", "unsafe"} or _SHA.fullmatch(word):
                self.once["file"] = [word]
            case _:
                self._remembered(row)

    def _remembered(self, row: list[str]) -> None:
        match row:
            case ["record", key, version, file, same] if same in _SAME:
                self.recorded = (one_line(key), one_line(version), one_line(file), _SAME[same])
            case ["service", name, image]:
                self.services[one_line(name)] = one_line(image)
            case ["held", name, same, code, service, then, key] if (
                same in _SAME and then in AFTERWARDS
            ):
                known = (one_line(code), one_line(service), then, one_line(key))
                self.held = Held(one_line(name), _SAME[same], *known)
            case ["pending", key]:
                self.pending = one_line(key)
            case _:
                self._updated(row)

    def _updated(self, row: list[str]) -> None:
        match row:
            case ["moved", key, name]:
                self.moved = Moved(one_line(key), one_line(name))
            case ["refreshed", at, request] if at.isdecimal():
                self.refreshed = Refreshed(int(at), one_line(request))
            case ["update", at, version, code, service] if at.isdecimal():
                update = (one_line(version), one_line(code), one_line(service))
                self.updates.append(Update(int(at), *update))
            case _:
                self._measured(row)

    def _measured(self, row: list[str]) -> None:
        match row:
            case ["result", kind, key, same, code, detail, tries, age] if (
                kind in KINDS and same in _SAME and tries.isdecimal() and age.isdecimal()
            ):
                found = (one_line(key), _SAME[same], one_line(code), one_line(detail))
                self.results[kind] = Result(*found, int(tries), int(age))
            case ["hash", service, value]:
                self.hashes[service] = value
            case ["image", reference, value]:
                name = unbase64(reference, "the name of an image").decode(errors="replace")
                self.images[one_line(name, 512)] = value
            case _:
                raise UnparsableError(f"a line of compose that starts with {one_line(row[0])!r}")
