import pytest

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Condition, Reason, Verdict
from kaitu.engine import verdicts
from kaitu.engine.report import Subject, events
from kaitu.engine.verdicts import Finding, Findings

T, F, U = Verdict.TRUE, Verdict.FALSE, Verdict.UNKNOWN


def told(before: tuple[Verdict, Reason], after: tuple[Verdict, Reason]) -> list[str]:
    """The events of a visit in which only InSync moved, from ``before`` to ``after``."""
    calm = {
        Condition.REACHABLE: Finding(T, Reason.CONNECTED),
        Condition.PROBE_TRUSTED: Finding(T, Reason.FRAME_VALID),
        Condition.HEALTHY: Finding(T, Reason.HEALTHY),
    }
    findings = {**calm, Condition.IN_SYNC: Finding(*after), Condition.READY: Finding(*after)}
    old = {**calm, Condition.IN_SYNC: Finding(*before), Condition.READY: Finding(*before)}
    conditions = [
        {"type": str(kind), "status": str(one.verdict), "reason": str(one.reason)}
        for kind, one in old.items()
    ]
    return [one.reason for one in events(Subject(1, {"conditions": conditions}), None, findings)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((T, Reason.IN_SYNC), (T, Reason.APPLIED), []),
        ((T, Reason.IN_SYNC), (F, Reason.NO_SPACE), ["NoSpace"]),
        ((F, Reason.RECONCILING), (F, Reason.COMPOSE_INVALID), ["ComposeInvalid"]),
        ((F, Reason.COMPOSE_INVALID), (F, Reason.COMPOSE_INVALID), []),
        ((F, Reason.COMPOSE_INVALID), (F, Reason.RECONCILING), []),
        ((F, Reason.NO_SPACE), (U, Reason.UNOBSERVED), ["Unobserved"]),
    ],
)
def test_an_event_tells_what_turned_and_what_a_failure_became(before, after, expected):
    assert told(before, after) == expected


def transition(before: Findings, after: Findings) -> list[str]:
    conditions = [
        {"type": str(kind), "status": str(one.verdict), "reason": str(one.reason)}
        for kind, one in before.items()
    ]
    said = events(Subject(1, {"conditions": conditions}), None, after)
    return [one.note.partition(":")[0] for one in said]


GOOD = {kind: Finding(T, reason) for kind, reason in verdicts.GOOD.items()}
LOST = verdicts.of_failure(KaituError(Reason.DIAL_TIMEOUT, "no answer"), streak=1)
STILL_LOST = verdicts.of_failure(KaituError(Reason.DIAL_TIMEOUT, "no answer"), streak=2)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (GOOD, LOST, ["Reachable is Unknown"]),
        (LOST, LOST, []),
        (LOST, STILL_LOST, ["Reachable is False"]),
        (STILL_LOST, GOOD, ["Ready is True"]),
        (GOOD, verdicts.stale(), ["Reachable is Unknown"]),
        (
            GOOD,
            {
                **GOOD,
                Condition.IN_SYNC: Finding(F, Reason.NO_SPACE),
                Condition.HEALTHY: Finding(F, Reason.DISK_FULL),
                Condition.READY: Finding(F, Reason.NO_SPACE),
            },
            ["InSync is False", "Healthy is False"],
        ),
    ],
)
def test_one_transition_of_the_node_is_one_event(before, after, expected):
    assert transition(before, after) == expected
