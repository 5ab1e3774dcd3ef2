"""The life of the process: wait for the lease, work, and leave cleanly."""

import asyncio
import logging
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from kaitu.api.policy import Policy
from kaitu.cluster.api import Api, Credentials
from kaitu.cluster.events import Recorder
from kaitu.cluster.installation import Installation
from kaitu.cluster.known_hosts import KnownHosts
from kaitu.cluster.references import References
from kaitu.cluster.shards import Shards
from kaitu.cluster.slots import SharedSlots
from kaitu.cluster.tenure import PROGRAM, WATCHES
from kaitu.controller import chores, http, sharing
from kaitu.controller.app import App, Writer
from kaitu.controller.arrivals import seen
from kaitu.controller.health import Health
from kaitu.controller.informer import watch
from kaitu.controller.metrics import Metrics
from kaitu.controller.startup import files, fit, rights
from kaitu.core import version
from kaitu.core.redaction import Redactor
from kaitu.engine import queue
from kaitu.engine.slots import Slots
from kaitu.remote import pool
from kaitu.remote.pool import Pool

log = logging.getLogger(__name__)

GRACE = 20.0
"""Seconds that visits get to finish their step in hand after SIGTERM."""
OTHER_FILES = 100


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. No namespaces means all of them; an empty http means none."""

    namespaces: tuple[str, ...]
    policy: Policy
    lease_namespace: str | None
    http: str
    shards: int = 1


async def run(options: Options, redactor: Redactor) -> int:
    """Run until a signal or the loss of leadership; the exit code.

    ``redactor`` is told of every secret value, and cuts it out of the log.
    """
    stop = asyncio.Event()
    _on_signals(stop)
    metrics, health = Metrics(), Health()
    server = await _serve(options, metrics, health)
    api = await Api.connect()
    try:
        return await _lead(options, api, metrics, health, stop, redactor)
    finally:
        await api.close()
        if server:
            await server.cleanup()


async def _serve(options: Options, metrics: Metrics, health: Health) -> Any:
    if not options.http:
        return None
    return await http.serve(
        options.http, metrics.registry, healthy=health.wrong, ready=health.not_ready
    )


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)


async def _lead(
    options: Options,
    api: Api,
    metrics: Metrics,
    health: Health,
    stop: asyncio.Event,
    redactor: Redactor,
) -> int:
    """Wait for the lease; then work until stopped or no longer leading."""
    namespace = options.lease_namespace or api.default_namespace()
    watches = ",".join(sorted(options.namespaces)) or "*"
    about = {WATCHES: watches, PROGRAM: version.PROGRAM}
    shards = Shards(api, namespace, options.shards, about=about)
    needed = rights(options.namespaces, namespace, options.shards)
    if not await _unless(stop, fit(api, needed, health.waits)):
        return 0
    try:
        if not await _unless(stop, shards.acquire()):
            return 0
        api.may_write = shards.may_write
        async with _renewing(shards):
            app = await _app(options, api, shards, namespace, metrics, redactor)
            return await _work(app, health, stop, lambda: _login(api, redactor))
    finally:
        await shards.release()


@asynccontextmanager
async def _renewing(shards: Shards) -> AsyncIterator[None]:
    task = asyncio.create_task(shards.run(), name="lease")
    task.add_done_callback(lambda ended: _unrenewed(shards, ended))
    try:
        yield
    finally:
        task.cancel()


def _unrenewed(shards: Shards, ended: "asyncio.Task[None]") -> None:
    """A defect that ends the renewals must end the process: it would live on and do nothing."""
    if not ended.cancelled() and (error := ended.exception()):
        log.error("the lease is not renewed any more: %s", error, exc_info=error)
        shards.lost.set()


async def _unless(stop: asyncio.Event, wanted: Any) -> bool:
    """Await ``wanted``; False when a signal came first."""
    tasks = [asyncio.ensure_future(wanted), asyncio.create_task(stop.wait())]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    if tasks[0] in done:
        tasks[0].result()
    return tasks[0] in done


async def _app(
    options: Options,
    api: Api,
    shards: Shards,
    namespace: str,
    metrics: Metrics,
    redactor: Redactor,
) -> App:
    installation = Installation(api, namespace)
    writer = Writer(await installation.id(), secrets.token_hex(8), {})
    log.info("leading; installation %s", writer.installation)
    app = App(
        api=api,
        shards=shards,
        writer=writer,
        policy=options.policy,
        references=References(api, learn=redactor.learn),
        known_hosts=KnownHosts(api),
        pool=Pool(most=_most_kept(), observer=metrics),
        events=Recorder(api),
        metrics=metrics,
        slots=Slots(lambda: options.policy.max_disrupted),
        installation=installation,
        shared=SharedSlots(api, namespace),
        namespaces=options.namespaces,
    )
    await sharing.take(app)
    return app


def _most_kept() -> int:
    """Connections that may be kept: of the files, those of visits under way come first."""
    return max(0, min(pool.MOST, files() - 2 * queue.MOST - OTHER_FILES))


def _login(api: Api, redactor: Redactor) -> Credentials:
    """Each login of the watch, and with it each new token, which is a secret as well."""
    found = api.credentials()
    redactor.learn(filter(None, (found.token, found.private_key_data)))
    return found


async def _work(
    app: App, health: Health, stop: asyncio.Event, login: Callable[[], Credentials]
) -> int:
    """Turns, chores and the informer; ends when the first of stop, lease and informer ends."""
    relisted, listed, leave = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def see(kind: str | None, body: Mapping[str, Any]) -> None:
        if kind is None:
            relisted.set()
        seen(app, kind, body)

    app.references.on_change(app.reference_changed)
    app.metrics.expose(app)
    health.watch(app)
    beside = [
        asyncio.create_task(chore)
        for chore in (
            chores.serve(app),
            chores.freshness(app),
            chores.sweep(app, relisted),
            chores.pulse(app),
            app.references.refresh(),
            *([sharing.look_around(app)] if app.shards.count > 1 else ()),
        )
    ]
    informer = asyncio.create_task(
        watch(see, login, app.namespaces, stop=leave, ready=listed, grace=3 * GRACE)
    )
    rehook = asyncio.create_task(_rehook(listed, stop))
    ends = [
        informer,
        asyncio.create_task(stop.wait()),
        asyncio.create_task(app.shards.lost.wait()),
    ]
    await asyncio.wait([*ends, *beside], return_when=asyncio.FIRST_COMPLETED)
    await _leave(app)
    for task in (*beside, rehook, *ends[1:]):
        task.cancel()
    await asyncio.wait(beside, timeout=GRACE)
    await app.shards.release()  # nothing is written from here on, and the next one waits for this
    leave.set()
    await asyncio.wait([informer], timeout=GRACE)
    for task in (informer, *beside):
        if task.done() and not task.cancelled() and (error := task.exception()):
            log.error("%s ended: %s", task.get_name(), error, exc_info=error)
    return 0 if stop.is_set() else 1


async def _rehook(listed: asyncio.Event, stop: asyncio.Event) -> None:
    """kopf takes the signals for itself when it starts; they are ours."""
    await listed.wait()
    _on_signals(stop)


async def _leave(app: App) -> None:
    """Finish the steps in hand, start none; then close what is open."""
    app.stopping = True
    looking = list(app.looking.values())
    for turn in looking:
        turn.cancel()
    writing = app.queue.working - len(looking)
    log.info("stopping: %d visits finish their step in hand", writing)
    end = app.clock() + GRACE
    while app.queue.working and app.clock() < end:
        await asyncio.sleep(0.05)
    app.pool.close_all()
