"""KaituNodes in every state that the product's own report can put them in, as the API has them."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from engine.toy import Machine, Number, aspect, desired, orders
from kaitu.core.aspect import Problem
from kaitu.core.errors import KaituError
from kaitu.core.models import Mode
from kaitu.core.reasons import REASONS, Condition, Reason, Verdict
from kaitu.engine import report, verdicts
from kaitu.engine.look import manage
from kaitu.engine.report import Subject
from kaitu.engine.visit import Visit, visit
from specs import good, kaitu_node

Object = dict[str, Any]
Status = Mapping[str, Any]
GENERATION = 2
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BAD = [r for r, row in REASONS.items() if row.verdict is not Verdict.TRUE]
UNSEEN = [
    reason
    for reason in BAD
    if REASONS[reason].condition in (Condition.REACHABLE, Condition.PROBE_TRUSTED)
    and reason is not Reason.FLAPPING  # said of good visits only
]
SEEN = [r for r in BAD if REASONS[r].condition in (Condition.IN_SYNC, Condition.HEALTHY)]


def node(status: Status, *, spec: Status | None = None, **metadata: Any) -> Object:
    """As the API server gives it."""
    made = kaitu_node("vps-1", {**good(), **(spec or {})})
    made["metadata"] |= {"generation": GENERATION, **metadata}
    return {**made, "status": status}


def looked_at(
    *problems: Problem, mode: Mode = Mode.ENFORCE, number: int = 1, stubborn: bool = False
) -> Visit:
    """A real visit to a toy machine, which shows ``number`` where 1 is wanted; each problem is
    what one aspect says that no step mends.
    """
    named: dict[str, Problem | None] = {_aspect(problem.reason): problem for problem in problems}
    named = named or {"number": None}
    want = desired(**{name: Number(mode=mode) for name in named})
    ones = manage([aspect(name, problem=problem) for name, problem in named.items()], want)
    there = Machine(dict.fromkeys(named, number), stubborn=stubborn)
    return asyncio.run(visit(ones, want, there, orders()))


def _aspect(reason: Reason) -> str:
    return "health" if REASONS[reason].condition is Condition.HEALTHY else "number"


def of_visit(seen: Visit, before: Status, **how: bool) -> Object:
    findings = verdicts.of_visit(seen, **{"flapping": False, **how})
    return node(report.of_visit(Subject(GENERATION, before), seen, findings, NOW, {}))


def ready() -> Object:
    return of_visit(looked_at(), {"observedGeneration": -1})


def visited(reason: Reason, **how: bool) -> Object:
    """A node of which a visit says this, and that was in order before."""
    return of_visit(looked_at(Problem(reason, "what happened")), ready()["status"], **how)


def failed(reason: Reason, streak: int, before: Status | None = None) -> Object:
    """A node that was in order before, and that this kept the operator from looking at."""
    findings = verdicts.of_failure(KaituError(reason, "what happened"), streak)
    was = before or ready()["status"]
    return node(report.of_failure(Subject(GENERATION, was), findings, NOW))


def announced(before: Status) -> Status:
    """The status in which disruptive work begins, as controller.publish.announcement writes it."""
    begun = verdicts.disruption([{"reason": Reason.DISRUPTING, "message": "deploy release 2"}])
    now = report.stamp(NOW)
    added = verdicts.render(begun, (), generation=GENERATION, now=now)
    return {**before, "conditions": [*before["conditions"], *added]}


def suspended(before: Status) -> Object:
    findings = verdicts.suspended(before.get("conditions", ()))
    status = report.with_conditions(Subject(GENERATION, before), findings, NOW)
    return node({**status, "observedGeneration": GENERATION}, spec={"suspend": True})


def stale() -> Object:
    subject = Subject(GENERATION, ready()["status"])
    return node(report.with_conditions(subject, verdicts.stale(), NOW))


def others() -> dict[str, Object]:
    """The states that no single reason makes."""
    fresh, was = {"observedGeneration": -1}, ready()["status"]
    see = Mode.OBSERVE
    release_failed = visited(Reason.GATE_FAILED)["status"]
    return {
        "just created": node(fresh),
        "in order": ready(),
        "put in order by this visit": of_visit(looked_at(number=0), fresh),
        "in order, looked at only": of_visit(looked_at(mode=see), was),
        "other than wanted, looked at only": of_visit(looked_at(mode=see, number=0), was),
        "other than wanted again at once": of_visit(looked_at(number=0, stubborn=True), was),
        "in order again, but it comes and goes": of_visit(looked_at(), was, flapping=True),
        "not looked at for too long": stale(),
        "suspended in order": suspended(was),
        "suspended before the first visit": suspended(fresh),
        "suspended after a failure": suspended(failed(Reason.DIAL_TIMEOUT, 2)["status"]),
        "of another spec than was looked at": node(was, generation=GENERATION + 1),
        "being deleted": node(was, deletionTimestamp="2026-01-01T00:00:00Z"),
        "in order, and a release begins": node(announced(was)),
        "seen half changed": of_visit(looked_at(), was, disrupting=True),
        "lost while half changed": failed(Reason.DIAL_TIMEOUT, 2, announced(was)),
        "half changed, and a person is needed": failed(
            Reason.HOST_KEY_CHANGED, 1, announced(release_failed)
        ),
    }
