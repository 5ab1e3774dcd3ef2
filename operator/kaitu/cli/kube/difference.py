"""What a node's own status says of its differences, in the form of a plan. Pure."""

from typing import Final

from kaitu.cli.kube import look
from kaitu.cli.kube.look import Body
from kaitu.cli.verdict import DIFFERS, IN_SYNC, TROUBLE, Told
from kaitu.core.outcome import State
from kaitu.core.reasons import Condition, Verdict

_UNTOLD: Final = frozenset({State.FAILED, State.UNKNOWN})


def difference(body: Body) -> Told:
    """As ``kaituctl plan`` tells it of files."""
    layers = (Condition.REACHABLE, Condition.PROBE_TRUSTED)
    visited = "lastVisitTime" in look.status(body)
    return Told(
        key=look.key(body),
        code=code_of(body),
        status=look.status(body),
        suspended=look.suspended(body),
        notes=() if visited else ("no visit has been reported yet",),
        seen=visited and all(look.condition(body, k).get("status") == "True" for k in layers),
    )


def code_of(body: Body) -> int:
    """What could not be found out is trouble, never a difference and never in sync."""
    said = look.condition(body, Condition.IN_SYNC).get("status", Verdict.UNKNOWN)
    syncing = [one for one in look.status(body).get("aspects", ()) if one["name"] != "health"]
    if said == Verdict.UNKNOWN or any(one["state"] in _UNTOLD for one in syncing):
        return TROUBLE
    return IN_SYNC if said == Verdict.TRUE and look.current(body) else DIFFERS
