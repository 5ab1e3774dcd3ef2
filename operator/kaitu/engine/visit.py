"""One visit: look, plan, ask, do, look again. Pure decisions around two remote calls."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kaitu.core.aspect import Problem
from kaitu.core.command import Command
from kaitu.core.desired import Desired
from kaitu.core.errors import KaituError
from kaitu.core.models import Mode
from kaitu.core.outcome import Outcome, State
from kaitu.core.plan import Disrupts, Plan, Step
from kaitu.core.reasons import REASONS, Reason, Retry, Verdict
from kaitu.core.transport import Transport
from kaitu.engine import admit
from kaitu.engine.codes import check
from kaitu.engine.foresee import foresee
from kaitu.engine.look import Managed, Sight, look

WAITING = frozenset(
    {
        Reason.PROTECTED_MISSING,
        Reason.ADOPTION_REQUIRED,
        Reason.FLEET_FROZEN,
        Reason.WAITING_FOR_SLOT,
        Reason.HELD_ELSEWHERE,
        Reason.SECTION_OBSERVED,
        Reason.AWAITS_DEPLOYMENT,
    }
)

_FIRST_CONTACT = frozenset({Reason.ADOPTION_REQUIRED, Reason.UNOBSERVED})
_UNKNOWN = frozenset({Reason.OUTCOME_UNKNOWN, Reason.NODE_BUSY})


@dataclass(frozen=True, slots=True)
class Orders:
    """What the visit may do, and whom it asks.

    ``may_write`` says whether this process still leads; ``announce`` publishes that disruptive
    work begins, and returns what is against it; ``superseded`` says that the spec changed;
    ``frozen`` says that so many nodes were lost at once that the observer is in doubt; ``left``
    how many seconds the visit still has.
    """

    identity: admit.Identity
    claims: admit.Claims
    brake: admit.Brake
    may_write: Callable[[], bool]
    announce: Callable[[str], Awaitable[Problem | None]]
    superseded: Callable[[], bool]
    frozen: Callable[[], bool] = lambda: False
    left: Callable[[], float] = lambda: 120.0


@dataclass(frozen=True, slots=True)
class Visit:
    """What a finished visit found: the last sight and an outcome for every managed aspect."""

    sight: Sight
    outcomes: Mapping[str, Outcome]
    managed: Sequence[Managed]
    interrupted: bool = False

    @property
    def busy(self) -> bool:
        return any(outcome.busy for outcome in self.outcomes.values())

    @property
    def disturbed(self) -> bool:
        """What runs on the node is seen to be changed right now, or was left half changed."""
        return any(getattr(facts, "disturbed", False) for facts in self.sight.facts.values())

    @property
    def unsettled(self) -> bool:
        """Nobody can say whether a job runs: the answer to its start was lost."""
        return any(one.reason in _UNKNOWN for one in self.outcomes.values())

    def answered(self, retry: str) -> frozenset[str]:
        """The requests by annotation that this visit has answered, or has found answered."""
        told = {name for o in self.outcomes.values() for name in o.report.get("answered", ())}
        steps = (step for o in self.outcomes.values() for step in o.applied)
        return frozenset(told | ({"retry"} if any(s.release == retry for s in steps) else set()))

    def held(self, before: str | None) -> str | None:
        """The release that is held on the node; as ``before`` where nobody can tell now."""
        if any(one.refused for one in self.managed if one.name == "compose"):
            return before
        return next((o.report["held"] for o in self.outcomes.values() if "held" in o.report), None)


@dataclass(slots=True)
class _Work:
    """What happened so far in this visit, aspect by aspect."""

    drift: dict[str, Plan] = field(default_factory=dict)
    applied: dict[str, Plan] = field(default_factory=dict)
    stopped: dict[str, Problem] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def wrote(self) -> bool:
        return any(self.applied.values())


async def visit(
    managed: Sequence[Managed], desired: Desired, transport: Transport, orders: Orders
) -> Visit:
    """Bring the node toward ``desired`` as far as it may be; raises when it cannot be seen."""
    sight = await look(managed, desired, transport)
    work = _Work()
    objection, claimed = await _own(managed, desired, transport, orders, sight)
    if claimed:  # what an owner may do shows only on a node that is owned
        sight = await look(managed, desired, transport)
    for one in managed:
        work.drift[one.name] = sight.plan(one)
        stop = _blocked(one, managed, work) or _objected(objection, one, work)
        if stop:
            work.stopped[one.name] = stop
        else:
            await _settle(one, transport, orders, work)
    if work.wrote:
        sight = await look(managed, desired, transport)
    outcomes = {one.name: _outcome(one, sight, work) for one in managed}
    for one in managed:
        seconds = orders.left() / 2
        outcomes[one.name] = await foresee(one, sight, outcomes[one.name], transport, seconds)
    return Visit(sight, outcomes, managed, work.interrupted)


def _objected(objection: Problem | None, one: Managed, work: _Work) -> Problem | None:
    """First contact concerns those who would write now; that the node is not ours concerns all."""
    first_contact = objection is not None and objection.reason in _FIRST_CONTACT
    concerned = work.drift[one.name] or (_writes(one) and not first_contact)
    return objection if concerned else None


async def _own(
    managed: Sequence[Managed],
    desired: Desired,
    transport: Transport,
    orders: Orders,
    sight: Sight,
) -> tuple[Problem | None, bool]:
    """Become the node's owner where that is due, and whether that was done in this visit; the
    objection stops every write.
    """
    objection = objected(managed, desired, orders, sight)
    ours = sight.host.owner == (orders.identity.installation, orders.identity.owner)
    if objection or ours or not any(_writes(one) for one in managed):
        return objection, False
    previous = sight.host.owner[0] if sight.host.owner else "-"
    objection = await _attempt(Command("claim", (previous,)), transport, orders)
    return objection, objection is None


def objected(
    managed: Sequence[Managed], desired: Desired, orders: Orders, sight: Sight
) -> Problem | None:
    """Whose node it is, and whether what runs on it may be taken over."""
    agreed = all(_agrees(one, sight) for one in managed if one.aspect.writes)
    deployed = False if agreed else sight.engine.deployed(desired.directory)
    return admit.first(
        lambda: admit.ownership(orders.identity, orders.claims, sight.host),
        lambda: admit.first_contact(orders.claims, sight.host, deployed=deployed),
    )


def _agrees(one: Managed, sight: Sight) -> bool:
    """The node is as wanted. A plan is empty, too, where nothing could be seen or be resolved."""
    return not (one.refused or sight.plan(one) or sight.problem(one))


def _writes(one: Managed) -> bool:
    return one.aspect.writes and not one.refused and one.mode is Mode.ENFORCE


async def _attempt(command: Command, transport: Transport, orders: Orders) -> Problem | None:
    """Run one writing command; what went wrong comes back as a problem."""
    if not orders.may_write():
        return Problem(Reason.FENCED, "this process no longer leads; nothing was written")
    if doubt := admit.observer(frozen=orders.frozen()):
        return doubt
    try:
        check(command, await transport.write(command, orders.identity.guard))
    except KaituError as error:
        return Problem(error.reason, error.message)
    return None


def _blocked(one: Managed, managed: Sequence[Managed], work: _Work) -> Problem | None:
    begun = bool(work.drift[one.name]) and all(step.finishes for step in work.drift[one.name])
    if one.refused and not (begun and one.mode is Mode.ENFORCE):
        return Problem(one.refused.reason, one.refused.message)
    refused = {other.name for other in managed if other.refused}
    for name in one.aspect.reads:
        if (name in work.stopped or name in refused) and not begun:
            return Problem(Reason.DEPENDENCY_NOT_READY, f"waits for {name}")
    if work.drift[one.name] and one.mode is Mode.OBSERVE:
        return Problem(Reason.DRIFT_OBSERVED, "mode Observe: nothing was written")
    observed = [n for n in one.aspect.reads if _mode(n, managed) is Mode.OBSERVE]
    if work.drift[one.name] and observed:
        return Problem(Reason.SECTION_OBSERVED, f"section {observed[0]} is in mode Observe")
    return None


def _mode(name: str, managed: Sequence[Managed]) -> Mode | None:
    return next((one.mode for one in managed if one.name == name), None)


async def _settle(one: Managed, transport: Transport, orders: Orders, work: _Work) -> None:
    """Do the steps of one aspect; the first failure ends this aspect only."""
    plan, done = _at_once(work.drift[one.name], orders), []
    stop = admit.first(
        lambda: admit.observer(frozen=bool(plan) and orders.frozen()),
        lambda: admit.brake(orders.brake, plan),
    )
    for step in () if stop else plan:
        if orders.superseded():
            work.interrupted = True
            break
        stop = await _ready(step, orders) or await _attempt(step.command, transport, orders)
        if stop:
            break
        done.append(step)
    work.applied[one.name] = tuple(done)
    if stop:
        work.stopped[one.name] = stop


def _at_once(plan: Plan, orders: Orders) -> Plan:
    """Nothing has to be prepared apart where the node has a slot now."""
    whole = tuple(step.at_once for step in plan if step.at_once)
    return whole if whole and admit.at_once(orders.brake, whole) else plan


async def _ready(step: Step, orders: Orders) -> Problem | None:
    """Before disruptive work the API must know: a crash right after it must be visible."""
    return None if step.disrupts is Disrupts.NOTHING else await orders.announce(step.text)


def _outcome(one: Managed, sight: Sight, work: _Work) -> Outcome:
    """The verdict on one aspect, from the last look and from what was done."""
    drift, applied = work.drift[one.name], work.applied.get(one.name, ())
    left = sight.plan(one)
    busy = bool(getattr(sight.facts.get(one.name), "busy", False))
    if one.refused:
        failed = one.refused.reason, one.refused.message
        return Outcome(one.name, State.FAILED, *failed, drift, left, applied, busy)
    state, reason, message = _verdict(one, sight, work, left, busy=busy)
    report = one.aspect.report(one.want, sight.facts[one.name])
    return Outcome(one.name, state, reason, message, drift, left, applied, busy, report)


def _verdict(
    one: Managed, sight: Sight, work: _Work, left: Plan, *, busy: bool
) -> tuple[State, Reason, str]:
    stop, problem = work.stopped.get(one.name), sight.problem(one)
    if stop:
        return _state(stop.reason), stop.reason, stop.message
    if busy:
        return State.OUT_OF_SYNC, Reason.RECONCILING, "a job runs on the node"
    if left:
        return _unfinished(work, one.name, left)
    if problem:
        return _state(problem.reason), problem.reason, problem.message
    if one.mode is Mode.OBSERVE:
        return State.OBSERVED, Reason.OBSERVED, ""
    applied = work.applied.get(one.name)
    return State.IN_SYNC, Reason.APPLIED if applied else Reason.IN_SYNC, ""


def _unfinished(work: _Work, name: str, left: Plan) -> tuple[State, Reason, str]:
    """Steps remain: fresh ones are the next visit's work, those just done did not stay."""
    stuck = {step.text for step in work.applied.get(name, ())} & {step.text for step in left}
    reason = Reason.NOT_CONVERGED if stuck else Reason.RECONCILING
    return State.OUT_OF_SYNC, reason, f"still to do: {left[0].text}"


def _state(reason: Reason) -> State:
    row = REASONS[reason]
    if reason is Reason.DRIFT_OBSERVED:
        return State.OBSERVED
    if reason in WAITING or row.retry is Retry.CONFLICT:
        return State.WAITING
    return State.UNKNOWN if row.verdict is Verdict.UNKNOWN else State.FAILED
