"""What a leader does when a node knows a newer one of its own installation."""

import logging

from kaitu.cluster.api import ApiError
from kaitu.controller.app import App
from kaitu.controller.store import Record
from kaitu.core.reasons import Reason
from kaitu.engine.visit import Visit

log = logging.getLogger(__name__)


def fenced(result: Visit) -> bool:
    """Whether the node refused us while we thought that we lead."""
    return any(outcome.reason is Reason.FENCED for outcome in result.outcomes.values())


async def look_again(app: App, record: Record) -> None:
    """Renew the leases now: another has one, and this process ends; or all are ours, and the
    node's counter is from elsewhere. Then ours is raised above all others, and the next visit
    shows whether that was enough.
    """
    if not app.may_write(record.key) or not await app.shards.renew():
        return
    try:
        fence = await app.installation.raise_fence()
    except ApiError as error:
        log.warning("cannot raise the fence: %s", error)
        return
    shard, fences = app.shards.of(record.uid), app.writer.fences
    if shard in fences:  # else it went to another meanwhile
        fences[shard] = max(fence, fences[shard])
