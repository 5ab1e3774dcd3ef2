"""What one visit found out and did, per aspect: the input of every report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kaitu.core.plan import Plan
from kaitu.core.reasons import Reason


class State(StrEnum):
    """The state of an aspect in ``status.aspects``."""

    IN_SYNC = "InSync"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"
    WAITING = "Waiting"
    FAILED = "Failed"
    OBSERVED = "Observed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One aspect after a visit: ``drift`` differed at first sight, ``left`` still does."""

    name: str
    state: State
    reason: Reason
    message: str = ""
    drift: Plan = ()
    left: Plan = ()
    applied: Plan = ()
    busy: bool = False
    report: Mapping[str, Any] = field(default_factory=dict)
