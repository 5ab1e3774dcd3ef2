"""From what a visit found to the conditions of the resource. Pure; ``now`` is an argument."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kaitu.core.errors import KaituError
from kaitu.core.outcome import Outcome, State
from kaitu.core.reasons import REASONS, Condition, Reason, Retry, Verdict
from kaitu.engine.visit import Visit

LAYERS: Final = (
    Condition.REACHABLE,
    Condition.PROBE_TRUSTED,
    Condition.IN_SYNC,
    Condition.HEALTHY,
)
GOOD: Final = {
    Condition.REACHABLE: Reason.CONNECTED,
    Condition.PROBE_TRUSTED: Reason.FRAME_VALID,
    Condition.IN_SYNC: Reason.IN_SYNC,
    Condition.HEALTHY: Reason.HEALTHY,
    Condition.READY: Reason.READY,
}
_CALM: Final = frozenset({State.IN_SYNC, State.OBSERVED})
_DERIVED: Final = frozenset({Reason.AWAITS_DEPLOYMENT, Reason.DEPENDENCY_NOT_READY})
"""Reasons that point to another aspect, which then has the cause."""
_OURS: Final = frozenset({Reason.OBSERVER_DEGRADED, Reason.DNS_ERROR, Reason.KNOWN_HOSTS_FAILED})
"""Failures of the instrument: however often they come, they say nothing of the node."""
_MESSAGE_LIMIT: Final = 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition before it gets its times: verdict, reason, message.

    A reason that is no ``Reason`` was said by another version of the operator, and is kept.
    """

    verdict: Verdict
    reason: Reason | str
    message: str = ""


Findings = dict[Condition, Finding]
_HALF_DONE: Final = Finding(
    Verdict.TRUE, Reason.DISRUPTING, "a change was begun and has not come to its end"
)


def of_failure(error: KaituError, streak: int) -> Findings:
    """The conditions after a visit that saw nothing.

    ``streak`` counts failed visits in a row, this one included: the second makes an inconclusive
    ``Reachable`` False. Layers above the failure are True, those below are Unknown.
    """
    failing = error.row.condition
    if failing not in LAYERS:
        failing = Condition.IN_SYNC
    verdict = error.row.verdict
    inconclusive = verdict is Verdict.UNKNOWN and error.cause not in _OURS
    if failing is Condition.REACHABLE and inconclusive and streak > 1:
        verdict = Verdict.FALSE
    at = LAYERS.index(failing)
    seen = error.reason is not Reason.INVALID_SPEC
    above = _good if seen else _unseen
    findings = {layer: above(layer) for layer in LAYERS[:at]}
    findings[failing] = Finding(verdict, error.reason, error.message)
    findings |= {layer: _unseen(layer) for layer in LAYERS[at + 1 :]}
    return summarise(findings, stalled=error if _stalling(error.cause) else None)


def of_visit(visit: Visit, *, flapping: bool, disrupting: bool = False) -> Findings:
    """The conditions after a trusted visit; ``disrupting``: the node keeps its slot."""
    syncing = [outcome for outcome in visit.outcomes.values() if outcome.name != "health"]
    findings: Findings = {
        Condition.REACHABLE: _good(Condition.REACHABLE),
        Condition.PROBE_TRUSTED: _good(Condition.PROBE_TRUSTED),
        Condition.IN_SYNC: _worst(Condition.IN_SYNC, syncing),
        Condition.HEALTHY: _worst(Condition.HEALTHY, _of(visit, "health")),
    }
    if flapping:
        findings[Condition.REACHABLE] = Finding(Verdict.UNKNOWN, Reason.FLAPPING)
    stuck = next((o for o in syncing if o.state not in _CALM and _stalling(o.reason)), None)
    findings = summarise(findings, stalled=stuck)
    working = _working(visit, Reason.DISRUPTING if disrupting else Reason.RECONCILING)
    if working or disrupting:
        findings[Condition.RECONCILING] = working or _HALF_DONE
    return findings


def disruption(old: Iterable[Mapping[str, Any]]) -> Findings:
    """What was begun stays said until a trusted visit: after a restart the slot is kept by it."""
    said = next((c["message"] for c in old if c["reason"] == Reason.DISRUPTING), None)
    if said is None:
        return {}
    return {Condition.RECONCILING: Finding(Verdict.TRUE, Reason.DISRUPTING, said)}


def summarise(findings: Findings, *, stalled: Outcome | KaituError | None) -> Findings:
    """Add ``Ready`` (the first layer that is not True, root causes first) and ``Stalled``."""
    bad = [findings[layer] for layer in LAYERS if findings[layer].verdict is not Verdict.TRUE]
    cause = next((f for f in bad if f.reason is not Reason.UNOBSERVED), bad[0] if bad else None)
    ready = cause or _good(Condition.READY)
    findings[Condition.READY] = ready
    if stalled:
        findings[Condition.STALLED] = Finding(Verdict.TRUE, stalled.reason, stalled.message)
    return findings


def suspended(old: Sequence[Mapping[str, Any]]) -> Findings:
    """Ready is Unknown; the other layers stay as they were."""
    known = {c["type"]: c for c in old}
    findings = {
        layer: _as_it_stands(known[layer])
        if layer in known
        else Finding(Verdict.UNKNOWN, Reason.NOT_VISITED)
        for layer in LAYERS
    }
    findings[Condition.READY] = Finding(Verdict.UNKNOWN, Reason.SUSPENDED, "spec.suspend is true")
    return findings


def _as_it_stands(condition: Mapping[str, Any]) -> Finding:
    return Finding(Verdict(condition["status"]), condition["reason"], condition["message"])


def stale() -> Findings:
    """No visit has finished for too long: nothing that was true may be believed."""
    findings = {layer: Finding(Verdict.UNKNOWN, Reason.STALE) for layer in LAYERS}
    findings[Condition.READY] = Finding(
        Verdict.UNKNOWN, Reason.STALE, "no visit has finished for longer than three intervals"
    )
    return findings


def render(
    findings: Findings, old: Iterable[Mapping[str, Any]], *, generation: int, now: str
) -> list[dict[str, Any]]:
    """metav1 conditions; the transition time moves only when the status does."""
    before = {c["type"]: c for c in old}
    return [
        {
            "type": str(kind),
            "status": str(finding.verdict),
            "reason": str(finding.reason),
            "message": finding.message[:_MESSAGE_LIMIT],
            "observedGeneration": generation,
            "lastTransitionTime": _since(before.get(kind), finding, now),
        }
        for kind, finding in findings.items()
    ]


def _since(before: Mapping[str, Any] | None, finding: Finding, now: str) -> str:
    if before and before["status"] == finding.verdict:
        return str(before["lastTransitionTime"])
    return now


def _good(layer: Condition) -> Finding:
    return Finding(Verdict.TRUE, GOOD[layer])


def _unseen(_: Condition) -> Finding:
    return Finding(Verdict.UNKNOWN, Reason.UNOBSERVED)


def _of(visit: Visit, name: str) -> list[Outcome]:
    return [outcome for outcome in visit.outcomes.values() if outcome.name == name]


def _worst(layer: Condition, outcomes: Iterable[Outcome]) -> Finding:
    """The first outcome that is not calm speaks; False before Unknown, causes before effects."""
    bad = [o for o in outcomes if o.state not in _CALM or o.reason is Reason.DRIFT_OBSERVED]
    bad.sort(key=lambda o: (o.reason in _DERIVED, o.state is State.UNKNOWN))
    if not bad:
        return _good(layer)
    worst = bad[0]
    unknown = worst.state is State.UNKNOWN or REASONS[worst.reason].verdict is Verdict.UNKNOWN
    verdict = Verdict.UNKNOWN if unknown else Verdict.FALSE
    text = worst.message if layer is Condition.HEALTHY else f"{worst.name}: {worst.message}"
    return Finding(verdict, worst.reason, text)


def _working(visit: Visit, reason: Reason) -> Finding | None:
    going = {Reason.RECONCILING, Reason.WAITING_FOR_SLOT}
    for outcome in visit.outcomes.values():
        if outcome.busy or outcome.reason in going or (visit.interrupted and outcome.left):
            text = outcome.left[0].text if outcome.left else outcome.message
            return Finding(Verdict.TRUE, reason, f"{outcome.name}: {text}")
    return None


def _stalling(reason: Reason) -> bool:
    return REASONS[reason].retry in {Retry.INPUT, Retry.PERSON}
