"""/metrics, /healthz and /readyz on one port."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Check = Callable[[], str]  # empty when all is well, else what is wrong


async def serve(
    address: str, registry: CollectorRegistry, *, healthy: Check, ready: Check
) -> web.AppRunner:
    """Start serving at ``HOST:PORT``; the caller cleans the runner up."""

    async def metrics(_: web.Request) -> web.Response:
        """In a thread: with thousands of nodes it takes seconds, in which visits go on."""
        body = await asyncio.to_thread(generate_latest, registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", _verdict(healthy))
    app.router.add_get("/readyz", _verdict(ready))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, _, port = address.rpartition(":")
    await web.TCPSite(runner, host or None, int(port)).start()
    return runner


def _verdict(check: Check) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        wrong = check()
        return web.Response(text=f"{wrong or 'ok'}\n", status=503 if wrong else 200)

    return answer
