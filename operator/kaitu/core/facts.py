"""What a probe showed, where more than one aspect or layer reads it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from kaitu.core.aspect import Answer, Answers, answered, remembered, rows
from kaitu.core.errors import UnparsableError
from kaitu.core.text import one_line, uncoded

_KIB: Final = 1024
_STATES: Final = frozenset({"same", "differs", "missing", "duplicate", "multiline", "unknown"})


@dataclass(frozen=True, slots=True)
class EnvFacts:
    """The node's ``.env`` as far as it may be known: answers about names, never a value.

    ``states`` maps each wanted name to ``same``, ``differs``, ``missing``, ``duplicate`` (set
    more than once), ``multiline`` (shares lines with another value, so that no line of it can be
    changed alone) or ``unknown``. ``protected_present`` is true when K2_NODE_SECRET is there and
    not empty; ``unclosed`` when compose could not read the file, for a quote that never closes or
    a NUL; ``compose_names`` are the ``COMPOSE_*`` keys found, which would change what compose
    does. Not ``readable`` is what is no plain file, or a far too long one.
    """

    present: bool
    states: Mapping[str, str] = field(default_factory=dict)
    protected_present: bool = False
    unclosed: bool = False
    compose_names: tuple[str, ...] = ()
    readable: bool = True

    @property
    def in_sync(self) -> bool:
        """True when the file says what is wanted, for every wanted name."""
        return not self.unclosed and all(state == "same" for state in self.states.values())


def parse_env(answers: Answers) -> EnvFacts:
    """What ``probe_env.sh`` printed; raises ``UnparsableError`` where a line is not as it says."""
    return _env(answered(answers, "env"))


@remembered
def _env(answer: Answer) -> EnvFacts:
    states: dict[str, str] = {}
    compose: list[str] = []
    once: dict[str, str] = {}
    for row in rows({"env": answer}, "env"):
        match row:
            case ["file", ("absent" | "present" | "irregular") as kind]:
                once["file"] = kind
            case ["protected", count, ("yes" | "no") as filled] if count.isdecimal():
                once["protected"] = filled
            case ["unclosed", ("yes" | "no") as unclosed]:
                once["unclosed"] = unclosed
            case ["state", name, state] if state in _STATES:
                states[name] = state
            case ["compose", name]:
                compose.append(one_line(name))
            case _:
                raise UnparsableError(f"a line of env that starts with {one_line(row[0])!r}")
    if len(once) != 3:
        raise UnparsableError("env must tell of file, protected and unclosed")
    return EnvFacts(
        present=once["file"] != "absent",
        states=states,
        protected_present=once["protected"] == "yes",
        unclosed=once["unclosed"] == "yes",
        compose_names=tuple(sorted(compose)),
        readable=once["file"] != "irregular",
    )


@dataclass(frozen=True, slots=True)
class Disk:
    """One file system that a deployment fills."""

    mount: str
    total_bytes: int
    used_percent: int


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The machine itself, by its own clock: ``time`` and ``boot`` are seconds since 1970.

    ``owner`` is the (installation, namespace/name) that has claimed the node, ``fence`` the
    (counter, process) that wrote last; None where there is no record. ``machine`` tells two
    machines apart and is ``-`` where the system has no id. ``downs`` are places in cron that
    take a compose project down.
    """

    time: int
    boot: int
    os: str
    kernel: str
    arch: str
    cpus: int
    memory_total_bytes: int
    memory_available_bytes: int
    load: float
    etc_writable: bool
    disks: tuple[Disk, ...]
    ipv6: tuple[str, ...]
    owner: tuple[str, str] | None
    fence: tuple[int, str] | None
    machine: str
    downs: tuple[str, ...] = ()


_ONCE: Final = frozenset(
    (
        *("time", "boot", "os", "kernel", "arch", "cpus", "memTotal"),
        *("memAvailable", "load", "etc", "owner", "fence", "machine"),
    )
)


@lru_cache(maxsize=1)  # of one answer, which several aspects read
def parse_host(answer: Answer) -> HostFacts:
    """What ``probe_host.sh`` printed; raises ``UnparsableError`` where it is not as it says."""
    once: dict[str, list[str]] = {}
    many: dict[str, list[list[str]]] = {"disk": [], "ipv6": [], "down": []}
    for name, *rest in rows({"host": answer}, "host"):
        if name in many:
            many[name].append(rest)
        elif name in _ONCE and name not in once:
            once[name] = rest
        else:
            raise UnparsableError(f"a line of host that starts with {one_line(name)!r}")
    if lacking := sorted(_ONCE - once.keys()):
        raise UnparsableError(f"host does not tell of {', '.join(lacking)}")
    try:
        return _host(once, many)
    except ValueError:
        raise UnparsableError("a figure of host is no number") from None


def _host(once: Mapping[str, list[str]], many: Mapping[str, list[list[str]]]) -> HostFacts:
    return HostFacts(
        time=_count(_single(once, "time")),
        boot=_count(_single(once, "boot")),
        os=_base64_line(_single(once, "os"), "the name of the system"),
        kernel=one_line(_single(once, "kernel")),
        arch=one_line(_single(once, "arch")),
        cpus=_count(_single(once, "cpus")),
        memory_total_bytes=_count(_single(once, "memTotal")) * _KIB,
        memory_available_bytes=_count(_single(once, "memAvailable")) * _KIB,
        load=_figure(_single(once, "load")),
        etc_writable=_writable(_single(once, "etc")),
        disks=tuple(_disk(row) for row in many["disk"]),
        ipv6=tuple(_address(row) for row in many["ipv6"]),
        owner=_record(once["owner"], "owner"),
        fence=_fence(once["fence"]),
        machine=one_line(_single(once, "machine")),
        downs=tuple(_place(row) for row in many["down"]),
    )


def _single(once: Mapping[str, list[str]], name: str) -> str:
    if len(once[name]) != 1:
        raise UnparsableError(f"{name} of host has {len(once[name])} fields instead of 1")
    return once[name][0]


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError
    return int(text)


def _figure(text: str) -> float:
    if not re.fullmatch(r"[0-9]+\.[0-9]+", text):  # float() also takes nan
        raise ValueError
    return float(text)


def _base64_line(text: str, what: str) -> str:
    return one_line(uncoded(text, what).decode(errors="replace"), 200)


def _writable(word: str) -> bool:
    if word not in {"ro", "rw"}:
        raise UnparsableError("etc of host is neither ro nor rw")
    return word == "rw"


def _disk(row: list[str]) -> Disk:
    match row:
        case [mount, total, used]:
            return Disk(_base64_line(mount, "a mount"), _count(total) * _KIB, _count(used))
    raise UnparsableError("a disk of host")


def _place(row: list[str]) -> str:
    match row:
        case [place]:
            return _base64_line(place, "a place of cron")
    raise UnparsableError("a place of cron")


def _address(row: list[str]) -> str:
    match row:
        case [text]:
            try:
                return str(IPv6Address(text))
            except ValueError:
                pass
    raise UnparsableError("an address of host")


def _record(row: list[str], what: str) -> tuple[str, str] | None:
    match row:
        case ["-"]:
            return None
        case [first, second]:
            return one_line(first), one_line(second)
    raise UnparsableError(f"{what} of host")


def _fence(row: list[str]) -> tuple[int, str] | None:
    found = _record(row, "fence")
    if found is None:
        return None
    return (-1 if found[0] == "?" else _count(found[0])), found[1]
