"""What of a visit is news, and so is written."""

from datetime import timedelta
from typing import Any

from engine.states import GENERATION, NOW, looked_at, of_visit
from kaitu.core.reasons import Reason
from kaitu.engine import report, verdicts
from kaitu.engine.report import HEARTBEAT, Subject

MENDED = of_visit(looked_at(number=0), {"observedGeneration": -1})["status"]


def again(later: timedelta) -> dict[str, Any]:
    seen = looked_at()
    findings = verdicts.of_visit(seen, flapping=False)
    return report.of_visit(Subject(GENERATION, MENDED), seen, findings, NOW + later, {})


def test_that_the_visit_before_did_something_is_no_reason_to_write():
    assert MENDED["aspects"][0]["reason"] == Reason.APPLIED

    assert again(HEARTBEAT / 2) == MENDED


def test_with_the_heartbeat_it_is_written():
    told = again(HEARTBEAT)

    assert told["aspects"][0]["reason"] == Reason.IN_SYNC
    assert told["lastVisitTime"] != MENDED["lastVisitTime"]
