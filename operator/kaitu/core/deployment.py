"""A deployment: what it should be, what is known of it, and the steps that the node can do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kaitu.core import dotenv
from kaitu.core.command import Command
from kaitu.core.composefile import FILE, ComposeFile
from kaitu.core.containers import Engine
from kaitu.core.desired import Requests
from kaitu.core.facts import EnvFacts
from kaitu.core.plan import Plan, Step
from kaitu.core.release import Releases
from kaitu.core.secrets import Secret
from kaitu.core.text import digest

_QUIET: Final = frozenset({"pull", "record"})
"""Jobs that change nothing of what runs."""


@dataclass(frozen=True, slots=True)
class ComposeWant:
    """One release. ``variables`` is None where the section env cannot be resolved.

    ``key`` tells releases apart: a digest of version, file and pins, the same on every node.
    ``due`` is the Unix time after which tags must have been pulled, ``asked`` names the request to
    pull them, or is a dash.
    """

    key: str
    version: str
    directory: str
    content: bytes = field(repr=False)
    file: ComposeFile
    gate: tuple[str, ...]
    gate_seconds: int
    attempts: int
    jitter: int
    pins: tuple[tuple[str, str], ...]
    on_failure: str
    due: int
    asked: str
    requests: Requests
    oldest_plugin: tuple[int, ...]
    variables: Mapping[str, Secret] | None = field(repr=False)
    has_env: bool
    observed: bool

    @property
    def path(self) -> str:
        return f"{self.directory}/{FILE}"

    @property
    def lines(self) -> bytes:
        """The managed lines of ``.env`` in one order, so that their digest tells a change."""
        return dotenv.lines(dict(sorted((self.variables or {}).items())))


@dataclass(frozen=True, slots=True)
class ComposeFacts:
    """What runs, and what the node remembers; ``env`` is None where its section has no values."""

    engine: Engine
    releases: Releases
    env: EnvFacts | None
    owned: bool

    @property
    def busy(self) -> bool:
        return self.releases.running is not None

    @property
    def disturbed(self) -> bool:
        """What runs is being changed, or a change was begun that was neither verified nor held."""
        known = self.releases
        changing = known.running is not None and known.running.kind not in _QUIET
        held = known.held
        settled = held is not None and held.key == known.pending and held.then != "due"
        return changing or (bool(known.pending) and not settled)


def files(want: ComposeWant, facts: ComposeFacts, env: EnvFacts) -> Plan:
    """Without the node's secret nothing is started; what can be put is put."""
    old, new, steps = facts.releases.file, digest(want.content), []
    if old != new:
        words = (want.path, "644", new, str(len(want.content)), old, "mkdir")
        command = Command("put_file", words, want.content)
        kind = "missing" if old == "absent" else "changed"
        steps.append(Step(f"write {want.path}", command, item=FILE, kind=kind))
    off = [name for name, state in env.states.items() if state != "same"]
    if off:
        command = Command("merge_env", (want.directory, str(len(want.lines))), want.lines)
        steps.append(Step(f"set {', '.join(off)} in .env", command, item=", ".join(off)))
    return tuple(steps)


def job(want: ComposeWant, kind: str, named: tuple[str, ...] = ()) -> Command:
    """One job; a repair names what it starts, the gate's services among it first."""
    asks = (want.on_failure, want.requests.retry or "-", str(want.requests.now), want.asked)
    pins = (f"{service}={pin}" for service, pin in want.pins)
    gate = tuple(name for name in want.gate if not named or name in named)
    rest = tuple(name for name in named if name not in gate)
    numbers = (len(want.content), len(want.lines), want.attempts, want.jitter, want.gate_seconds)
    words = (kind, want.key, want.version, want.directory, digest(want.content))
    data = want.content + want.lines
    lists = (*gate, "--", *rest, "--", *pins)
    return Command("start_job", (*words, *map(str, numbers), *asks, *lists), data)


def restoring(directory: str) -> Command:
    """The job that brings back what ran before; what that is, and its gate, the node has kept."""
    words = ("restore", "-", "-", directory, digest(b""), *"00101", "restore", "-", "0", "-")
    return Command("start_job", (*words, "--", "--"))
