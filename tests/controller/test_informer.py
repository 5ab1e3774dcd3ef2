"""Which way kopf's watch takes to the API server."""

import asyncio

from kaitu.cluster.login import Credentials
from kaitu.controller.informer import watch

SERVER = "192.0.2.9:6443"


def test_the_watch_goes_through_the_proxy():
    async def asked() -> bytes:
        first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = await reader.readline()
            if not first.done():
                first.set_result(line)
            writer.close()

        listening = await asyncio.start_server(proxy, "127.0.0.1")
        port = listening.sockets[0].getsockname()[1]
        found = Credentials(f"https://{SERVER}", proxy_url=f"http://127.0.0.1:{port}")
        stop, ready = asyncio.Event(), asyncio.Event()
        async with listening, asyncio.timeout(60):
            task = asyncio.create_task(
                watch(lambda *_: None, lambda: found, ["x"], stop=stop, ready=ready, grace=1)
            )
            line = await first
            stop.set()
            await task
        return line

    assert asyncio.run(asked()).split() == [b"CONNECT", SERVER.encode(), b"HTTP/1.1"]
