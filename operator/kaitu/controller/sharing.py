"""What a process does as one of several: it takes shards and gives them up, and shares the brake.

With one shard, all of this is a counter that is raised once.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from kaitu.api.crd import path
from kaitu.cluster.api import ApiError, Missing
from kaitu.cluster.shards import LOOK_EVERY
from kaitu.cluster.slots import Holders
from kaitu.controller.app import App
from kaitu.controller.arrivals import arrive, forget, leave
from kaitu.controller.store import Key, Record
from kaitu.core.aspect import Problem
from kaitu.core.reasons import Reason
from kaitu.engine.admit import Brake, no_slot

log = logging.getLogger(__name__)

HANDOVER: Final = 20.0
"""Seconds that visits get to finish their step in hand before their shard goes to another."""


async def confirm(app: App, record: Record) -> Problem | None:
    """Have the slot of this node confirmed by all who lead nodes beside it; what is against it."""
    key, fits = record.key, False

    def answer(there: Holders) -> Holders:
        nonlocal fits
        fits = app.slots.fits(key)
        return _ours(app, there, {key} if fits else set())

    try:
        await _agree(app, answer)
    except ApiError as error:
        return Problem(Reason.WAITING_FOR_API, f"who else is being changed is not known: {error}")
    if fits:
        app.slots.keep(key)
        return None
    app.slots.refuse(key)
    return no_slot(Brake(key, app.slots))


async def look_around(app: App) -> None:
    """Take what nobody leads, give away what is too much, share the brake; until the end."""
    while not app.stopping:
        try:
            await _look_around(app)
        except ApiError as error:
            log.warning("cannot look at the other shards: %s", error)
        await asyncio.sleep(LOOK_EVERY)


async def _look_around(app: App) -> None:
    while await app.shards.seek() is not None:
        await take(app)
    await take(app)  # what was won before, and could not be worked in yet
    surplus = await app.shards.surplus()
    if surplus is not None:
        await _hand_over(app, surplus)
    await _share(app)


async def take(app: App) -> None:
    """Work from now on in each shard that was won: its nodes are visited in their turn, first
    those in question. Who holds a slot there keeps it, whatever became of who gave it.
    """
    for shard in app.shards.led - app.writer.fences.keys():
        for key in await _holders(app, shard):
            app.slots.keep(key)
        app.writer.fences[shard] = await app.installation.raise_fence()
        nodes = _of(app, shard)
        fence, count = app.writer.fences[shard], app.shards.count
        log.info("leading shard %d of %d, fence %d: %d nodes", shard, count, fence, len(nodes))
        for record in nodes:
            arrive(app, record)


async def _holders(app: App, shard: int) -> frozenset[Key]:
    found: Holders = {}

    def answer(there: Holders) -> Holders:
        nonlocal found
        found = there
        return there

    await _agree(app, answer)
    return found.get(shard, frozenset())


async def _hand_over(app: App, shard: int) -> None:
    """Begin nothing more in this shard, let what is in hand end, then leave it to the next."""
    nodes = _of(app, shard)
    log.info("another process leads no shard: leaving it shard %d, %d nodes", shard, len(nodes))
    app.leaving.add(shard)
    for record in nodes:
        if turn := app.looking.get(record.key):
            turn.cancel()
    end = app.clock() + HANDOVER
    while app.clock() < end and any(app.queue.busy(one.key) for one in nodes):
        await asyncio.sleep(0.05)
    try:
        await _share(app)
    finally:
        del app.writer.fences[shard]
        app.leaving.discard(shard)
        for record in _of(app, shard):
            leave(app, record)
        await app.shards.give_up(shard)


async def _share(app: App) -> None:
    """Tell others who holds a slot here, be told who does elsewhere."""
    await _forget_strangers(app)
    await _agree(app, lambda there: _ours(app, there))


async def _forget_strangers(app: App) -> None:
    """A node that was deleted while nobody led it, or is another's by now, would hold its slot for
    ever; one that the watch has not told of yet keeps it.
    """
    for key in app.slots.confirmed():
        record = app.store.get(key)
        if record and not app.works_in(app.shards.of(record.uid)):
            leave(app, record)
        elif record is None and await _missing(app, key):
            forget(app, key)


async def _missing(app: App, key: Key) -> bool:
    try:
        await app.api.get(path(*key))
    except Missing:
        return app.store.get(key) is None
    return False


async def _agree(app: App, answer: Callable[[Holders], Holders]) -> None:
    """See who holds a slot elsewhere, and have ours written; wake who has room now. Among one
    there is nothing to agree about.
    """
    freed: set[str] = set()

    def seen(there: Holders) -> Holders:
        freed.update(_see(app, there))
        return answer(there)

    try:
        await (app.shared.agree(seen) if app.shards.count > 1 else _alone(seen))
    finally:
        for namespace in freed:
            app.wake(namespace)


async def _alone(answer: Callable[[Holders], Holders]) -> None:
    answer({})


def _see(app: App, there: Holders) -> set[str]:
    """Entries of a shard that is in force no more say nothing: its nodes' statuses do."""
    others = set(range(app.shards.count)) - app.writer.fences.keys()
    return app.slots.see_elsewhere(key for shard in others for key in there.get(shard, ()))


def _ours(app: App, there: Holders, more: Collection[Key] = ()) -> Holders:
    """Everybody's entries, with those of the shards that this process leads as they are now, and
    ``more`` nodes of them.
    """
    ours: dict[int, set[Key]] = {n: set() for n in app.writer.fences if app.works_in(n)}
    for key in app.slots.confirmed().union(more):
        for shard in ours:
            if _in_shard(app, key, shard, there):
                ours[shard].add(key)
    kept = {n: nodes for n, nodes in there.items() if n < app.shards.count and n not in ours}
    return {**kept, **{n: frozenset(nodes) for n, nodes in ours.items() if nodes}}


def _in_shard(app: App, key: Key, shard: int, there: Holders) -> bool:
    """Of what the watch has not told of yet, only the entry knows to which shard it belongs."""
    record = app.store.get(key)
    return app.shards.of(record.uid) == shard if record else key in there.get(shard, ())


def _of(app: App, shard: int) -> list[Record]:
    return [one for one in app.store.all() if app.shards.of(one.uid) == shard]
