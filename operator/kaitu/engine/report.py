"""From a visit to the status of the resource and its events. Pure; ``now`` is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from kaitu.api.bounds import fitted
from kaitu.core.outcome import Outcome, State
from kaitu.core.plan import Step
from kaitu.core.reasons import Condition, Reason, Verdict
from kaitu.core.text import canonical, digest
from kaitu.engine import verdicts
from kaitu.engine.foresee import SHOWN
from kaitu.engine.verdicts import Findings
from kaitu.engine.visit import Visit

HEARTBEAT: Final = timedelta(minutes=10)
_MOST_DRIFT: Final = 20
_EXPECTED: Final = frozenset(
    {Reason.RECONCILING, Reason.WAITING_FOR_SLOT, Reason.STARTING, Reason.SUSPENDED}
)
"""Reasons that no night's sleep should be broken for."""
_APART: Final = frozenset({"findings", "held", "answered"})
"""What an aspect reports that is not a field of the status as it stands."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The resource that a report is about, as it was when the visit began."""

    generation: int
    status: Mapping[str, Any]
    revision: str | None = None  # None: not known, the old one stays
    handled: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the resource; ``warning`` decides its type."""

    reason: str
    note: str
    warning: bool = False


def with_conditions(subject: Subject, findings: Findings, now: datetime) -> dict[str, Any]:
    """The old status with new conditions, for everything that is not a trusted visit."""
    begun = verdicts.disruption(subject.status.get("conditions", ()))
    return _judged(subject, findings | begun, now)


def _judged(subject: Subject, findings: Findings, now: datetime) -> dict[str, Any]:
    status = dict(subject.status)
    status["conditions"] = verdicts.render(
        findings,
        subject.status.get("conditions", ()),
        generation=subject.generation,
        now=stamp(now),
    )
    return status


def of_failure(subject: Subject, findings: Findings, now: datetime) -> dict[str, Any]:
    """The status after a visit that saw nothing: what was seen before stays, as of then."""
    status = with_conditions(subject, findings, now)
    status["observedGeneration"] = subject.generation
    status["aspects"] = [
        {**aspect, "state": State.UNKNOWN.value, "reason": Reason.UNOBSERVED.value, "message": ""}
        for aspect in subject.status.get("aspects", ())
    ]
    if subject.handled:  # who asked for a visit is told that it was made, also when it failed
        status["handled"] = dict(subject.handled)
    return _visited(subject, status, now)


def of_visit(
    subject: Subject, visit: Visit, findings: Findings, now: datetime, connection: dict[str, Any]
) -> dict[str, Any]:
    """The whole status after a trusted visit."""
    old = subject.status
    status = _judged(subject, findings, now)
    for key in ("plan", "drift", "findings", "compose", "env", "facts", "architecture"):
        status.pop(key, None)
    for outcome in visit.outcomes.values():
        status |= {key: told for key, told in outcome.report.items() if key not in _APART}
    status["observedGeneration"] = subject.generation
    status["aspects"] = [_aspect(outcome) for outcome in visit.outcomes.values()]
    if connection:
        status["connection"] = connection
    status |= _drift(visit, old, now) | _plan(visit) | _findings(visit, old, now)
    status["revision"] = _revision(subject, findings, visit)
    if subject.handled:
        status["handled"] = dict(subject.handled)
    if any(outcome.applied for outcome in visit.outcomes.values()):
        status["lastChangeTime"] = stamp(now)
    return _visited(subject, status, now)


def stamp(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def events(subject: Subject, visit: Visit | None, findings: Findings) -> list[Event]:
    """What changed hands in this visit: conditions that turned, and steps that were done."""
    before = {c["type"]: c for c in subject.status.get("conditions", ())}
    news = [
        kind
        for kind in (*verdicts.LAYERS, Condition.READY)
        if _is_news(kind, before.get(kind, {}), findings[kind])
    ]
    turned = [_turned(kind, findings[kind]) for kind in _told(news, findings)]
    return turned + _deeds(subject, visit) + _intents(subject, visit)


def _told(news: list[Condition], findings: Findings) -> list[Condition]:
    """A node that is lost, or back, is said once: not by each condition that follows from it."""
    if Condition.READY in news and findings[Condition.READY].verdict is Verdict.TRUE:
        return [Condition.READY]
    first = {findings[kind].reason: kind for kind in reversed(news)}
    if len(first) > 1:
        first.pop(Reason.UNOBSERVED, None)
    return [kind for kind in news if kind in first.values()]


def _is_news(kind: Condition, before: Mapping[str, Any], finding: verdicts.Finding) -> bool:
    """A verdict that turned; or, in a layer that was not True anyway, another reason.

    A frozen fleet is said once by the operator, not by each of its nodes.
    """
    if finding.reason is Reason.FLEET_FROZEN:
        return False
    if before.get("status") != finding.verdict:
        return True
    other = before["reason"] != finding.reason and finding.reason not in _EXPECTED
    return other and finding.verdict is not Verdict.TRUE and kind is not Condition.READY


def _turned(kind: Condition, finding: verdicts.Finding) -> Event:
    calm = finding.verdict is Verdict.TRUE or finding.reason in _EXPECTED
    text = f"{kind} is {finding.verdict}: {finding.message or finding.reason}"
    return Event(str(finding.reason), text, warning=not calm)


def _deeds(subject: Subject, visit: Visit | None) -> list[Event]:
    """What was done, and whether that was to mend drift."""
    if visit is None:
        return []
    revision = subject.status.get("revision", {})
    settled = revision.get("applied") == subject.revision
    return [
        Event("DriftMended" if settled and _mends(outcome) else "Applied", _done(outcome))
        for outcome in visit.outcomes.values()
        if outcome.applied
    ]


def _mends(outcome: Outcome) -> bool:
    """Drift is what differs although the spec has not changed since it was applied. A step without
    an item looks for something only; one that names a release brings something new.
    """
    return any(step.item and not step.release for step in outcome.applied)


def _done(outcome: Outcome) -> str:
    return f"{outcome.name}: {'; '.join(step.text for step in outcome.applied)}"[:1000]


def _intents(subject: Subject, visit: Visit | None) -> list[Event]:
    """A plan that is shown for the first time."""
    plan = _plan(visit).get("plan") if visit else None
    old = subject.status.get("plan", {}).get("digest")
    if not visit or not plan or plan["digest"] == old:
        return []
    return [Event("Planned", "; ".join(step.foretold for _, step in _steps(visit))[:1000])]


def _aspect(outcome: Outcome) -> dict[str, str]:
    return {
        "name": outcome.name,
        "state": outcome.state.value,
        "reason": outcome.reason.value,
        "message": outcome.message[:1024],
    }


def _drift(visit: Visit, old: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    known = {(d["aspect"], d["item"]): d["firstSeen"] for d in old.get("drift", ())}
    found = [
        {
            "aspect": outcome.name,
            "item": step.item,
            "kind": step.kind,
            "firstSeen": known.get((outcome.name, step.item), stamp(now)),
        }
        for outcome in visit.outcomes.values()
        for step in outcome.left
        if step.item and not outcome.busy
    ]
    return {"drift": found[:_MOST_DRIFT]} if found else {}


def _findings(visit: Visit, old: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What is wrong and not ours to mend, each with the time when it was first seen."""
    known = {(f["signature"], f["evidence"]): f["since"] for f in old.get("findings", ())}
    found = [
        {**one, "since": known.get((one["signature"], one["evidence"]), stamp(now))}
        for outcome in visit.outcomes.values()
        for one in outcome.report.get("findings", ())
    ]
    return {"findings": found[:_MOST_DRIFT]} if found else {}


def _plan(visit: Visit) -> dict[str, Any]:
    """What would be done, where it is not being done: Observe and Waiting."""
    steps = [_step(name, step) for name, step in _steps(visit)]
    return (
        {"plan": {"digest": digest(canonical(steps))[:16], "steps": steps[:50]}} if steps else {}
    )


def _step(aspect: str, step: Step) -> dict[str, Any]:
    shown = {"aspect": aspect, "text": step.text, "disrupts": step.disrupts.value}
    if step.services is None:
        return shown
    touched = [{"name": name, "action": action.value} for name, action in step.services]
    return {**shown, "services": touched}


def _steps(visit: Visit) -> list[tuple[str, Step]]:
    """The steps that are shown, each with its aspect."""
    shown = [outcome for outcome in visit.outcomes.values() if outcome.state in SHOWN]
    return [(one.name, step) for one in shown for step in one.left or one.drift]


def _revision(subject: Subject, findings: Findings, visit: Visit) -> dict[str, Any]:
    revision = {**subject.status.get("revision", {}), "desired": subject.revision}
    if findings[Condition.IN_SYNC].verdict is Verdict.TRUE:
        revision["applied"] = subject.revision
    if held := visit.held(revision.pop("held", None)):
        revision["held"] = held
    return revision


def _visited(subject: Subject, status: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The visit's time rides along with a change; alone it is written once in ten minutes."""
    last = subject.status.get("lastVisitTime")
    recent = last is not None and now - _parse(last) < HEARTBEAT
    if recent and _settled(status) == _settled(subject.status):  # what is there fits
        return dict(subject.status)
    status = fitted(status)
    if recent and status == subject.status:
        return status
    return {**status, "lastVisitTime": stamp(now)}


def _settled(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """That a step was done lately, and no longer is the latest, is not worth a write."""
    aspects = status.get("aspects", ())
    if not any(one["reason"] == Reason.APPLIED for one in aspects):
        return status
    calm = {Reason.APPLIED: Reason.IN_SYNC.value}
    return {
        **status,
        "aspects": [{**one, "reason": calm.get(one["reason"], one["reason"])} for one in aspects],
    }


def _parse(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
