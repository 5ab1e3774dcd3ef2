"""What a node has left to finish although nobody can say what it should be: a restore that is due.

The ConfigMap of the release may be gone, or the spec be wrong by now: what ran before comes back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kaitu.core import moves
from kaitu.core.aspect import Answers, Aspect, Probe, answered
from kaitu.core.containers import parse_docker, unusable
from kaitu.core.deployment import ComposeFacts
from kaitu.core.desired import Desired
from kaitu.core.facts import parse_host
from kaitu.core.plan import Plan
from kaitu.core.release import parse_releases
from kaitu.core.sections import ComposeSpec


@dataclass(frozen=True, slots=True)
class Place:
    """Where the deployment is, and the oldest plugin that may work on it."""

    directory: str
    oldest_plugin: tuple[int, ...]


def _want(section: ComposeSpec, desired: Desired) -> Place:
    return Place(desired.directory, section.oldest_plugin)


def _probe(want: Place) -> Probe:
    place = f"{want.directory}\n".encode()
    return Probe({"host": place, "docker": place, "compose": place})


def _parse(answers: Answers, _: Mapping[str, Any]) -> ComposeFacts:
    owned = parse_host(answered(answers, "host")).owner is not None
    engine = parse_docker(answered(answers, "docker"))
    return ComposeFacts(engine, parse_releases(answers), env=None, owned=owned)


def _plan(want: Place, facts: ComposeFacts) -> Plan:
    idle = not facts.busy and unusable(facts.engine, want.oldest_plugin) is None
    return moves.restore(want.directory, facts) if idle and moves.restore_due(facts) else ()


UNFINISHED: Final = Aspect(
    name="compose",
    want=_want,
    probe=_probe,
    parse=_parse,
    plan=_plan,
    problem=lambda _, __: None,
    report=lambda _, __: {},
)
