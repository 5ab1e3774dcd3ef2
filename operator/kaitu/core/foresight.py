"""What a release would do to each service, told before it is done.

The node's own compose tells how each container would be made (``scripts/foresee.sh``); that is
compared with what is there, in the order in which the job goes: the gate alone, then all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, NamedTuple

from kaitu.core import jobs
from kaitu.core.aspect import Answers, Foresight, rows
from kaitu.core.command import Command
from kaitu.core.composefile import SERVICE_NAME
from kaitu.core.deployment import ComposeFacts, ComposeWant, job
from kaitu.core.errors import KaituError, UnparsableError
from kaitu.core.plan import Action, Disrupts, Plan, Step, Touched
from kaitu.core.reasons import Reason

_RISING: Final = (
    Action.REMOVED,
    Action.RESTARTED,
    Action.STARTED,
    Action.UNSURE,
    Action.RECREATED,
)
_STOPPED: Final = frozenset({"created", "exited"})
_ALIVE: Final = frozenset({"running", "restarting"})


class Ripple(Enum):
    """What compose does with the containers that need one which it makes anew."""

    RECREATE = "all are made anew, too; what a service needs is part of its configuration"
    RESTART = "all are started again"
    RESTART_TOLD = "those that say restart: true are started again"


def ripple(plugin: tuple[int, ...]) -> Ripple:
    """By the version of the plugin; read from its source, and tried with 2.26 and 2.40."""
    if plugin < (2, 29, 3):
        return Ripple.RECREATE
    return Ripple.RESTART if plugin < (2, 35) else Ripple.RESTART_TOLD


class Container(NamedTuple):
    """One that is there; ``image`` is the id of its image."""

    service: str
    hash: str
    image: str
    state: str


@dataclass(slots=True)
class Service:
    """One service as compose would make it; a dash for an image that is not on the node.

    ``opaque``: its hash says nothing; ``shares``: those whose containers it uses a part of;
    ``restart``: those of its needs with which it is started again.
    """

    scale: int
    image: str = "-"
    hash: str = ""
    opaque: bool = False
    needs: set[str] = field(default_factory=set)
    restart: set[str] = field(default_factory=set)
    shares: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Seen:
    """The whole answer."""

    services: Mapping[str, Service]
    containers: tuple[Container, ...]

    def of(self, name: str) -> tuple[Container, ...]:
        return tuple(one for one in self.containers if one.service == name)


def parse(answers: Answers) -> Seen:
    """What ``foresee.sh`` printed; raises ``KaituError`` where it says that it cannot tell."""
    lines = rows(answers, "foresee")
    if lines and lines[0][0] == "refused":
        raise _refusal(lines[0][-1])
    services: dict[str, Service] = {}
    containers: list[Container] = []
    for line in sorted(lines, key=lambda line: line[0] != "service"):
        match line:
            case ["service", name, scale] if SERVICE_NAME.fullmatch(name) and scale.isdecimal():
                services[name] = Service(int(scale))
            case ["container", service, config, image, state]:
                containers.append(Container(service, config, image, state))
            case [word, name, *rest] if name in services:
                _take(services[name], word, rest)
            case _:
                raise UnparsableError(f"a line of foresee that starts with {line[0][:20]!r}")
    return Seen(services, tuple(containers))


def _refusal(code: str) -> KaituError:
    if code not in jobs.ENDINGS:
        return KaituError(Reason.UNOBSERVED, f"the node does not let us look ahead ({code[:20]})")
    problem = jobs.ended(code, ".env")
    return KaituError(problem.reason, problem.message)


def _take(service: Service, word: str, rest: list[str]) -> None:
    match [word, *rest]:
        case ["hash", value]:
            service.hash = value
        case ["image", value]:
            service.image = value
        case ["opaque"]:
            service.opaque = True
        case ["needs", other]:
            service.needs.add(other)
        case ["restart", other]:
            service.restart.add(other)
        case ["shares", other]:
            service.shares.add(other)
        case _:
            raise UnparsableError(f"a line of foresee that starts with {word[:20]!r}")


def predict(
    seen: Seen, gate: Iterable[str], leaving: Iterable[str], how: Ripple
) -> tuple[Touched, ...]:
    """Every service that does not stay as it is. ``leaving`` left the file and were ours.

    In its own round a gate service loses what it needs outside of the gate. Where compose counts
    that as configuration, the round of all makes its container anew once more.
    """
    gate = [name for name in gate if name in seen.services]
    torn = {
        name for name in gate if seen.services[name].needs - {*gate} and how is Ripple.RECREATE
    }

    def first(name: str) -> Action | None:
        return Action.RECREATED if name in torn else _alone(seen, name)

    def then(name: str) -> Action | None:
        if name in gate:
            return Action.RECREATED if name in torn else None
        return _alone(seen, name)

    before = _round(seen, gate, first, {}, how)
    after = _round(seen, list(seen.services), then, before, how)
    touched = {name: _strongest(before.get(name), after.get(name)) for name in before | after}
    touched |= {name: Action.STARTED for name in touched if not seen.of(name)}
    touched |= {name: Action.REMOVED for name in leaving if seen.of(name)}
    return tuple(Touched(name, action) for name, action in sorted(touched.items()) if action)


def _alone(seen: Seen, name: str) -> Action | None:
    """What would happen to it if there were no other service."""
    service, there = seen.services[name], seen.of(name)
    states = {one.state for one in there}
    if len(there) > service.scale:
        return Action.REMOVED
    if not service.opaque and any(one.hash != service.hash for one in there):
        return Action.RECREATED
    if there and (service.opaque or service.image == "-"):
        return Action.UNSURE
    if any(one.image != service.image for one in there):
        return Action.RECREATED
    if len(there) < service.scale or states & _STOPPED:
        return Action.STARTED
    return Action.UNSURE if states - _ALIVE else None


Fates = dict[str, Action]


def _round(
    seen: Seen,
    names: list[str],
    due: Callable[[str], Action | None],
    before: Fates,
    how: Ripple,
) -> Fates:
    """One ``up`` of these services; ``before`` is what the round before has done."""
    fates: Fates = {}
    for name in _in_order(seen, names):
        known = fates if name in before else before | fates
        action = _strongest(due(name), fates.pop(name, None), _by_parts(seen, name, known))
        if not seen.of(name) and name not in before:
            action = Action.STARTED if seen.services[name].scale else None
        if action is None:
            continue
        fates[name] = action
        for other in names:
            if spread := _spread(seen.services[other], name, action, how):
                fates[other] = _strongest(fates.get(other), spread) or spread
    return fates


def _by_parts(seen: Seen, name: str, fates: Fates) -> Action | None:
    """A container holds the ids of those whose parts it uses, so it goes when they go."""
    others = {other: fates[other] for other in seen.services[name].shares if other in fates}
    if any(one is Action.RECREATED or not seen.of(other) for other, one in others.items()):
        return Action.RECREATED
    return Action.UNSURE if Action.UNSURE in others.values() else None


def _spread(other: Service, name: str, action: Action, how: Ripple) -> Action | None:
    """What the fate of ``name`` does to another one that needs it."""
    if action not in {Action.RECREATED, Action.UNSURE} or name not in other.needs:
        return None
    if how is Ripple.RECREATE:
        return action
    if how is Ripple.RESTART_TOLD and name not in other.restart:
        return None
    return Action.RESTARTED if action is Action.RECREATED else Action.UNSURE


def _strongest(*actions: Action | None) -> Action | None:
    return max((one for one in actions if one), key=_RISING.index, default=None)


def _in_order(seen: Seen, names: list[str]) -> Iterator[str]:
    """Each after those that it needs; compose refuses rings."""
    left = list(names)
    while left:
        ready = [name for name in left if not seen.services[name].needs & {*left}] or left
        yield from ready
        left = [name for name in left if name not in ready]


def _ask(want: ComposeWant, _: ComposeFacts, plan: Plan) -> Command | None:
    kind = next(filter(None, map(_deployed_by, plan)), None)
    if kind is None:
        return None
    key = want.key if kind == "up" else "-"
    pins = (f"{service}={pin}" for service, pin in want.pins)
    words = (want.directory, key, str(len(want.content)), str(len(want.lines)), *pins)
    return Command("foresee", words, want.content + want.lines)


def _kind(step: Step) -> str:
    """Of the job that the step starts; empty for other steps."""
    return step.command.words[0] if step.command.script == "start_job" else ""


def _deployed_by(step: Step) -> str:
    """The step deploys, or is the pull before that; a pull without drift may bring nothing new."""
    kind = _kind(step)
    return kind if kind == "up" or (kind == "pull" and step.item) else ""


def _tell(want: ComposeWant, facts: ComposeFacts, plan: Plan, answers: Answers) -> Plan:
    """The plan with the services of each step; behind a pull the step that it is for."""
    touched: tuple[Touched, ...] = ()
    if answers:
        record = facts.releases.record
        seen = parse(answers)
        leaving = {*(record.services if record else ())} - seen.services.keys()
        touched = predict(seen, want.gate, leaving, ripple(facts.engine.plugin))
    return tuple(one for step in plan for one in _told(want, step, touched))


def _told(want: ComposeWant, step: Step, touched: tuple[Touched, ...]) -> Plan:
    if _deployed_by(step) == "pull":
        text = f"deploy{step.text.removeprefix('pull')}"
        then = Step(text, job(want, "up"), Disrupts.SERVICES, services=touched)
        return replace(step, services=()), then
    match _kind(step):
        case "restore":
            return (step,)
        case "up":
            return (replace(step, services=touched),)
        case "repair":
            names = step.item.split(", ")
            return (replace(step, services=tuple(Touched(n, Action.STARTED) for n in names)),)
    return (replace(step, services=()),)


FORESIGHT: Final = Foresight(_ask, _tell)
