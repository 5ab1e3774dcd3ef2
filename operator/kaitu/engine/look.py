"""Seeing a node: one probe for all aspects, and what each aspect reads from it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kaitu.core.aspect import Answer, Aspect, Problem
from kaitu.core.containers import Engine, parse_docker
from kaitu.core.desired import Desired
from kaitu.core.errors import KaituError
from kaitu.core.facts import HostFacts, parse_host
from kaitu.core.models import Mode
from kaitu.core.plan import Plan
from kaitu.core.transport import Transport


@dataclass(frozen=True, slots=True)
class Managed:
    """One aspect of this node: what it should be, or the error that says why that is unknown."""

    aspect: Aspect[Any, Any, Any]
    want: Any | KaituError
    mode: Mode = Mode.ENFORCE
    remains: "Managed | None" = None

    @property
    def name(self) -> str:
        return self.aspect.name

    @property
    def refused(self) -> KaituError | None:
        return self.want if isinstance(self.want, KaituError) else None

    @property
    def seen(self) -> "Managed | None":
        """What is looked at: the aspect, or what remains of it; None where that is nothing."""
        return self.remains if self.refused else self


@dataclass(frozen=True, slots=True)
class Sight:
    """What one trusted probe showed."""

    host: HostFacts
    engine: Engine
    facts: Mapping[str, Any]
    _plans: dict[str, Plan] = field(default_factory=dict, repr=False, compare=False)
    _problems: dict[str, Problem | None] = field(default_factory=dict, repr=False, compare=False)

    def plan(self, managed: Managed) -> Plan:
        """Made once, however often it is asked for."""
        if managed.name not in self._plans:
            one = managed.seen
            plan = one.aspect.plan(one.want, self.facts[one.name]) if one else ()
            self._plans[managed.name] = plan
        return self._plans[managed.name]

    def problem(self, managed: Managed) -> Problem | None:
        if managed.name not in self._problems:
            found = managed.aspect.problem(managed.want, self.facts[managed.name])
            self._problems[managed.name] = found
        return self._problems[managed.name]


def manage(aspects: Iterable[Aspect[Any, Any, Any]], desired: Desired) -> tuple[Managed, ...]:
    """The aspects whose section is present, each after those that it reads."""
    present = {a.name: _managed(a, desired) for a in aspects if a.name in desired.sections}
    ordered: dict[str, Managed] = {}

    def add(name: str) -> None:
        if name in present and name not in ordered:
            for read in present[name].aspect.reads:
                add(read)
            ordered[name] = present[name]

    for name in present:
        add(name)
    return tuple(ordered.values())


def _managed(aspect: Aspect[Any, Any, Any], desired: Desired) -> Managed:
    section = desired.sections[aspect.name]
    mode = getattr(section, "mode", None) or desired.mode
    if desired.mode is Mode.OBSERVE:
        mode = Mode.OBSERVE
    if refusal := desired.refused.get(aspect.name):
        return Managed(aspect, refusal, mode)
    try:
        return Managed(aspect, aspect.want(section, desired), mode)
    except KaituError as error:
        left = aspect.remains
        remains = Managed(left, left.want(section, desired), mode) if left else None
        return Managed(aspect, error, mode, remains)


async def look(managed: Sequence[Managed], desired: Desired, transport: Transport) -> Sight:
    """Probe once. Raises ``KaituError`` when the node cannot be reached or not be believed."""
    place = f"{desired.directory}\n".encode()
    fragments: dict[str, bytes] = {"host": place, "docker": place}
    dials: set[int] = set()
    for one in (each.seen for each in managed):
        if one:
            wanted = one.aspect.probe(one.want)
            fragments.update(wanted.fragments)
            dials.update(wanted.dials)
    fragments["docker"] += transport.known
    answers, dialled = await _ask(transport, fragments, tuple(sorted(dials)))
    dial = "".join(f"{port}\t{state}\n" for port, state in dialled.items())
    sight = _sight(managed, {**answers, "dial": Answer(0, dial.encode())})
    transport.known = sight.engine.known
    return sight


async def _ask(
    transport: Transport, fragments: Mapping[str, bytes], dials: tuple[int, ...]
) -> tuple[Mapping[str, Answer], Mapping[int, str]]:
    """Both at once; a task for each costs more than a look alone has to."""
    if not dials:
        return await transport.probe(fragments), {}
    return await asyncio.gather(transport.probe(fragments), transport.dial(dials))


def _sight(managed: Sequence[Managed], answers: Mapping[str, Answer]) -> Sight:
    facts: dict[str, Any] = {}
    for one in (each.seen for each in managed):
        if one:
            read = {name: facts[name] for name in one.aspect.reads if name in facts}
            facts[one.name] = one.aspect.parse(answers, read)
    return Sight(parse_host(answers["host"]), parse_docker(answers["docker"]), facts)
