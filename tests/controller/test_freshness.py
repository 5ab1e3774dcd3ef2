"""A status that nobody renewed is Unknown; one that was renewed at the same moment stays."""

import asyncio
from typing import Any

from controller.toy import known, node, operator
from kaitu.cluster.errors import Conflict
from kaitu.controller.chores import _believed, _expire

SINCE = "2026-01-01T00:00:00Z"


def ready(reason: str) -> dict[str, Any]:
    return {
        "type": "Ready",
        "status": "True",
        "reason": reason,
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": SINCE,
    }


def reasons(status: Any) -> set[str]:
    return {condition["reason"] for condition in status["conditions"]}


def test_what_was_not_looked_at_for_too_long_is_stale():
    app, api = operator({**node(), "status": {"conditions": [ready("Ready")]}})
    assert _believed(known(app))

    asyncio.run(_expire(app, known(app)))

    assert reasons(api.body["status"]) == {"Stale"}
    assert not _believed(known(app))


def test_a_visit_that_reports_at_the_same_moment_is_not_overwritten():
    app, api = operator({**node(), "status": {"conditions": [ready("Ready")]}})
    api.body = {**node("11"), "status": {"conditions": [ready("JustVisited")]}}
    api.refuses = [Conflict(409, "changed")]
    known(app).memory.fresh_until = 0.0

    asyncio.run(_expire(app, known(app)))

    assert reasons(api.body["status"]) == {"JustVisited"}
    assert known(app).memory.fresh_until > app.clock()  # and it is not tried at every pulse
