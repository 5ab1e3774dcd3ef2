"""Whether this process may believe its own eyes: fed by every visit, said once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from kaitu.controller.app import App
from kaitu.controller.store import Key
from kaitu.core.reasons import REASONS, Condition, Reason
from kaitu.engine.schedule import Pace

log = logging.getLogger(__name__)

_BLIND = frozenset({Condition.REACHABLE, Condition.PROBE_TRUSTED})


def saw(app: App, key: Key) -> None:
    """A visit of the node was trusted."""
    with _once(app):
        app.guard.saw(key)


def failed(app: App, key: Key, reason: Reason, pace: Pace) -> None:
    """A visit failed; where nothing of the node was seen, it may be our own fault."""
    if REASONS[reason].condition in _BLIND:
        with _once(app):
            app.guard.missed(key, app.clock(), pace.interval)


def forget(app: App, key: Key) -> None:
    """The node is not visited any more."""
    with _once(app):
        app.guard.forget(key)


@contextmanager
def _once(app: App) -> Iterator[None]:
    """Say it when the freeze begins or ends; thousands of nodes have their own conditions."""
    before = app.guard.frozen
    yield
    if app.guard.frozen and not before:
        log.error(
            "%s: many nodes were lost within two intervals, so this operator may be at fault; "
            "no node is written until most of them are back: look at the operator's own network",
            Reason.FLEET_FROZEN,
        )
    elif before and not app.guard.frozen:
        log.warning("the fleet is no longer frozen: nodes are written again")
