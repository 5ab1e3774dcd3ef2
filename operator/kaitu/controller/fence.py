"""What a leader does when a node knows a newer one of its own installation."""

import logging
from dataclasses import replace

from kaitu.cluster.api import ApiError
from kaitu.controller.app import App
from kaitu.core.reasons import Reason
from kaitu.engine.visit import Visit

log = logging.getLogger(__name__)


def fenced(result: Visit) -> bool:
    """Whether the node refused us while we thought that we lead."""
    return any(outcome.reason is Reason.FENCED for outcome in result.outcomes.values())


async def look_again(app: App) -> None:
    """Read the counter again: another has raised it and leads, or the node's is from elsewhere.

    In the first case this process ends; in the second it raises the counter above its own, and
    the next visit shows whether that was enough.
    """
    if not app.leader.may_write():
        return
    try:
        newest = await app.installation.read_fence()
        if newest > app.writer.counter:
            log.error("fence %d is newer than ours, %d: ending", newest, app.writer.counter)
            app.leader.lost.set()
            return
        app.writer = replace(app.writer, counter=await app.installation.raise_fence())
    except ApiError as error:
        log.warning("cannot read the fence: %s", error)
