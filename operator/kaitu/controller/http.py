"""/metrics, /healthz and /readyz on one port."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Check = Callable[[], str]  # empty when all is well, else what is wrong


async def serve(
    address: str, registry: CollectorRegistry, *, healthy: Check, ready: Check
) -> web.AppRunner:
    """Start serving at ``HOST:PORT``; the caller cleans the runner up."""

    async def metrics(request: web.Request) -> web.StreamResponse:
        """In a thread: with thousands of nodes it takes seconds, in which visits go on."""
        answer, parts = web.StreamResponse(), _parts(registry)
        answer.headers["Content-Type"] = CONTENT_TYPE_LATEST
        await answer.prepare(request)
        while part := await asyncio.to_thread(next, parts, b""):
            await answer.write(part)
        return answer

    app = web.Application()
    app.router.add_get("/metrics", metrics, allow_head=False)
    app.router.add_get("/healthz", _verdict(healthy))
    app.router.add_get("/readyz", _verdict(ready))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, _, port = address.rpartition(":")
    await web.TCPSite(runner, host or None, int(port)).start()
    return runner


@dataclass(frozen=True, slots=True)
class _Alone(Collector):
    """One metric, as a registry of its own."""

    metric: Metric

    def collect(self) -> tuple[Metric]:
        return (self.metric,)


def _parts(registry: CollectorRegistry) -> Iterator[bytes]:
    """The text of each metric in turn: that of all is many megabytes for a large fleet."""
    return (generate_latest(_Alone(metric)) for metric in registry.collect())


def _verdict(check: Check) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        wrong = check()
        return web.Response(text=f"{wrong or 'ok'}\n", status=503 if wrong else 200)

    return answer
