"""When a node is visited next. Pure: chance comes in as a number between 0 and 1."""

import hashlib
from dataclasses import dataclass
from typing import Final

from kaitu.api.node import NodeSpec
from kaitu.core.outcome import State
from kaitu.core.reasons import REASONS, Reason, Retry
from kaitu.engine.visit import Visit

DELAYS: Final[dict[Retry, tuple[float, float]]] = {
    Retry.TRANSIENT: (1, 60),
    Retry.ABSENT: (10, 600),
    Retry.SLOW_DOWN: (30, 900),
    Retry.INPUT: (600, 600),
    Retry.PERSON: (600, 600),
    Retry.CONFLICT: (0.2, 60),
}
POLL: Final = (0.5, 5)  # seconds between looks at a job that runs on the node: first, at most
CONFLICTS_AT_ONCE: Final = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """The spec's times in seconds."""

    interval: float
    timeout: float
    first_retry: float

    @property
    def stale_after(self) -> float:
        """Without a finished visit for this long, nothing is known any more."""
        return 3 * self.interval + self.timeout


def pace_of(spec: NodeSpec) -> Pace:
    return Pace(spec.interval_seconds, spec.timeout_seconds, spec.retry_seconds)


def regular(pace: Pace, chance: float) -> float:
    """The interval, 10 % shorter or longer, so that a fleet does not march in step."""
    return pace.interval * (0.9 + 0.2 * chance)


def backoff(retry: Retry, attempt: int, pace: Pace, chance: float) -> float:
    """Delay before the next attempt after ``attempt`` failures in a row (1 is the first).

    Full jitter over the upper half: never at once, never all together.
    """
    first, most = DELAYS[retry]
    if retry is Retry.TRANSIENT:
        first, most = pace.first_retry, max(most, pace.first_retry)
    if retry is Retry.CONFLICT and attempt <= CONFLICTS_AT_ONCE:
        return first
    ceiling = min(most, first * float(2 ** min(attempt - 1, 16)))
    return ceiling * (0.5 + 0.5 * chance)


def poll(attempt: int) -> float:
    """Seconds until a running job is looked at again: about a tenth of what it took so far."""
    first, most = POLL
    return float(min(most, first * 1.1 ** min(attempt, 64)))


def going_on(visit: Visit) -> bool:
    """A job runs on the node, or the next step is known already: no reason to wait an interval."""
    reconciling = any(o.reason is Reason.RECONCILING for o in visit.outcomes.values())
    return visit.busy or visit.interrupted or reconciling


def retry_of(visit: Visit) -> Retry | None:
    """The retry class of what a trusted visit could not do; None when nothing is to be retried."""
    reasons = [o.reason for o in visit.outcomes.values() if _unsettled(o.state, o.reason)]
    classes = {REASONS[reason].retry for reason in reasons}
    order = (Retry.CONFLICT, Retry.TRANSIENT, Retry.SLOW_DOWN, Retry.ABSENT)
    return next((retry for retry in order if retry in classes), None)


def _unsettled(state: State, reason: Reason) -> bool:
    calm = state in {State.IN_SYNC, State.OBSERVED}
    follows = reason is Reason.AWAITS_DEPLOYMENT  # in the wake of what the deployment does
    return not calm and not follows and REASONS[reason].condition.value == "InSync"


def spread(uid: str, interval: float) -> float:
    """Where in the interval a node's first visit after a restart falls: no stampede."""
    share = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4], "big") / 2**32
    return share * interval
