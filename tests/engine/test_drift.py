"""Drift is told from edits, and counted once."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from kaitu.core.command import Command
from kaitu.core.outcome import Outcome, State
from kaitu.core.plan import Plan, Step
from kaitu.core.reasons import Reason
from kaitu.engine.drift import corrected, detected
from kaitu.engine.report import Subject


def steps(*items: str, release: str = "") -> Plan:
    return tuple(Step("text", Command("probe"), item=item, release=release) for item in items)


def told(
    drift: Plan,
    applied: Plan = (),
    *,
    busy: bool = False,
    known: tuple[str, ...] = (),
    applied_revision: str = "same",
) -> tuple[int, int]:
    status = {
        "revision": {"applied": applied_revision},
        "drift": [{"aspect": "cron", "item": item} for item in known],
    }
    outcome = Outcome(
        "cron", State.IN_SYNC, Reason.APPLIED, drift=drift, applied=applied, busy=busy
    )
    visit: Any = SimpleNamespace(outcomes={"cron": outcome})
    subject = Subject(1, status, "same")
    found, mended = (Counter(count(subject, visit)) for count in (detected, corrected))
    return found["cron"], mended["cron"]


BOTH = steps("a", "b")


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"drift": ()}, (0, 0)),
        ({"drift": BOTH, "applied": BOTH}, (2, 2)),
        ({"drift": BOTH, "applied": steps("a")}, (2, 1)),
        ({"drift": steps("a", "a"), "applied": steps("a", "a")}, (1, 1)),
        ({"drift": BOTH, "known": ("a",)}, (1, 0)),
        ({"drift": BOTH, "known": ("a", "b")}, (0, 0)),
        ({"drift": BOTH, "applied": BOTH, "applied_revision": "before"}, (0, 0)),
        ({"drift": steps("a", release="1"), "applied": steps("a", release="1")}, (0, 0)),
        ({"drift": steps(""), "applied": steps("")}, (0, 0)),
        ({"drift": steps("a"), "applied": steps("a"), "busy": True}, (1, 1)),
        ({"drift": steps("a"), "busy": True}, (0, 0)),
    ],
)
def test_what_counts_as_found_and_as_mended(case, expected):
    assert told(**case) == expected
