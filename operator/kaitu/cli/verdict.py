"""What a run says of one node in the end: the status that the operator would write, and a code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from kaitu.cli.manifests import Key
from kaitu.core.aspect import Problem
from kaitu.core.errors import KaituError
from kaitu.core.outcome import State
from kaitu.core.reasons import Condition, Verdict
from kaitu.engine import report, verdicts
from kaitu.engine.report import Subject
from kaitu.engine.verdicts import Findings
from kaitu.engine.visit import WAITING, Visit

IN_SYNC: Final = 0
DIFFERS: Final = 1
USAGE: Final = 2
TROUBLE: Final = 3
_UNTOLD: Final = frozenset({State.FAILED, State.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Told:
    """One node: ``code`` is its share of the exit code; ``problems`` are what status leaves out;
    ``seen`` is false where no visit came to its end.
    """

    key: Key
    code: int
    status: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[tuple[str, Problem], ...] = ()
    notes: tuple[str, ...] = ()
    suspended: bool = False
    seen: bool = True

    @property
    def conditions(self) -> dict[str, Mapping[str, Any]]:
        return {one["type"]: one for one in self.status.get("conditions", ())}


def of_failure(key: Key, error: KaituError, now: datetime) -> Told:
    """Nothing was seen of the node."""
    findings = verdicts.of_failure(error, streak=1)
    return Told(key, TROUBLE, report.of_failure(_SUBJECT, findings, now), seen=False)


def of_visit(
    key: Key,
    found: Visit,
    now: datetime,
    connection: dict[str, Any],
    stop: Problem | None = None,
    notes: tuple[str, ...] = (),
) -> Told:
    """``stop`` is what would forbid every write, where the visit was not to write anyway."""
    findings = verdicts.of_visit(found, flapping=False)
    status = report.of_visit(_SUBJECT, found, findings, now, connection)
    hidden = _hidden(found)
    owner = (("owner", stop),) if stop else ()
    return Told(key, code_of(found, findings, stop), status, (*owner, *hidden), notes)


_SUBJECT: Final = Subject(generation=0, status={})


def code_of(found: Visit, findings: Findings, stop: Problem | None = None) -> int:
    """Only what is managed counts: a sick service on a node that is as it should be is told, and
    is no difference.
    """
    syncing = [one for one in found.outcomes.values() if one.name != "health"]
    if any(one.state in _UNTOLD for one in syncing) or (stop and stop.reason not in WAITING):
        return TROUBLE
    good = findings[Condition.IN_SYNC].verdict is Verdict.TRUE and not stop
    return IN_SYNC if good else DIFFERS


def _hidden(found: Visit) -> tuple[tuple[str, Problem], ...]:
    """What no step mends in an aspect that says something else, such as its drift."""
    seen = [(one.name, found.sight.problem(one)) for one in found.managed if not one.refused]
    return tuple(
        (name, problem)
        for name, problem in seen
        if problem and problem.reason is not found.outcomes[name].reason
    )
