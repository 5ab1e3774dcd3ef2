"""A proxy before the API server that can swallow what a watch tells, as bad load balancers do.

It passes everything through, as it comes. While ``deaf``, the streams of watches stay open and
carry nothing, not even bookmarks; all other requests are answered.
"""

import asyncio
import base64
import json
import ssl
import threading
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

from lab.wait import until

_OURS = {"host", "transfer-encoding", "content-length", "connection", "content-encoding"}


class Proxy:
    """Listens on a free port of loopback, in a thread of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        self.config = json.loads(kubeconfig.read_text())
        self._cluster = self.config["clusters"][0]["cluster"]
        self.deaf = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        until(lambda: self._port, 30, "port of the proxy")

    def kubeconfig(self, place: Path) -> Path:
        """The login that it was made with, by way of this proxy."""
        self._cluster.pop("certificate-authority-data")
        self._cluster["server"] = f"http://127.0.0.1:{self._port}"
        place.touch(mode=0o600)
        place.write_text(json.dumps(self.config))
        return place

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        ca = base64.b64decode(self._cluster["certificate-authority-data"]).decode()
        trust = TCPConnector(ssl=ssl.create_default_context(cadata=ca), limit=0)
        self._server = self._cluster["server"]
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
        async with ClientSession(connector=trust, timeout=ClientTimeout(total=None)) as session:
            self._session = session
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._port = runner.addresses[0][1]
            await self._over.wait()
            await runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _OURS}
        sent = self._session.request(
            request.method,
            f"{self._server}{request.path_qs}",
            headers={**headers, "Accept-Encoding": "identity"},
            data=await request.read() or None,
        )
        async with sent as answer:
            passed = {k: v for k, v in answer.headers.items() if k.lower() not in _OURS}
            response = web.StreamResponse(status=answer.status, headers=passed)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                if not (self.deaf.is_set() and "watch" in request.query):
                    await response.write(chunk)
            await response.write_eof()
            return response
