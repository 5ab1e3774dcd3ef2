"""What is said of a node that was not seen: no more than is known, and no slot is forgotten."""

from datetime import UTC, datetime

import pytest

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Condition, Reason, Verdict
from kaitu.engine import report, verdicts
from kaitu.engine.report import Subject

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DISRUPTING = {
    "type": "Reconciling",
    "status": "True",
    "reason": "Disrupting",
    "message": "deploy release 2",
    "lastTransitionTime": "2025-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    "findings",
    [
        verdicts.of_failure(KaituError(Reason.DIAL_TIMEOUT, ""), 1),
        verdicts.of_failure(KaituError(Reason.INVALID_SPEC, ""), 1),
        verdicts.stale(),
        verdicts.suspended([DISRUPTING]),
    ],
    ids=["lost", "invalid", "stale", "suspended"],
)
def test_a_disruption_stays_said_until_a_trusted_visit(findings):
    subject = Subject(1, {"conditions": [DISRUPTING]})

    status = report.with_conditions(subject, findings, NOW)

    kept = next(c for c in status["conditions"] if c["type"] == "Reconciling")
    assert (kept["reason"], kept["message"]) == ("Disrupting", "deploy release 2")
    assert kept["lastTransitionTime"] == "2025-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "reason", [Reason.OBSERVER_DEGRADED, Reason.DNS_ERROR, Reason.KNOWN_HOSTS_FAILED]
)
def test_a_failing_instrument_never_makes_a_node_false(reason):
    findings = verdicts.of_failure(KaituError(reason, ""), 9)

    assert findings[Condition.REACHABLE].verdict is Verdict.UNKNOWN


def test_the_second_inconclusive_failure_makes_reachable_false():
    lost = KaituError(Reason.DIAL_TIMEOUT, "")

    assert verdicts.of_failure(lost, 1)[Condition.REACHABLE].verdict is Verdict.UNKNOWN
    assert verdicts.of_failure(lost, 2)[Condition.REACHABLE].verdict is Verdict.FALSE


@pytest.mark.parametrize("reason", ["InSync", "SaidByALaterVersion", "SaidByAnEarlierVersion"])
def test_a_suspension_keeps_the_other_layers_as_they_stand(reason):
    stands = {
        "type": "InSync",
        "status": "False",
        "reason": reason,
        "message": "as it was",
        "observedGeneration": 1,
        "lastTransitionTime": "2025-01-01T00:00:00Z",
    }
    subject = Subject(1, {"conditions": [stands]})

    status = report.with_conditions(subject, verdicts.suspended([stands]), NOW)

    assert stands in status["conditions"]
    assert {"Ready": "Suspended", "Healthy": "NotVisited"}.items() <= {
        c["type"]: c["reason"] for c in status["conditions"]
    }.items()


@pytest.mark.parametrize(
    ("cause", "streak", "verdict", "stalled"),
    [
        (Reason.DIAL_REFUSED, 1, Verdict.FALSE, False),
        (Reason.BANNER_TIMEOUT, 1, Verdict.UNKNOWN, False),
        (Reason.BANNER_TIMEOUT, 2, Verdict.FALSE, False),
        (Reason.DNS_ERROR, 9, Verdict.UNKNOWN, False),
        (Reason.ALGORITHM_MISMATCH, 1, Verdict.FALSE, True),
    ],
)
def test_a_failed_jump_is_judged_by_its_cause(cause, streak, verdict, stalled):
    findings = verdicts.of_failure(KaituError(Reason.JUMP_FAILED, "jump 1", cause), streak)

    assert findings[Condition.REACHABLE].verdict is verdict
    assert findings[Condition.REACHABLE].reason is Reason.JUMP_FAILED
    assert (Condition.STALLED in findings) is stalled
