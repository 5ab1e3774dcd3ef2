"""A TCP relay that spoils a connection in an exact way, which packet filters cannot do."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

CHUNK = 4096
FOREIGN = b"HTTP/1.0 400 Bad Request\r\n\r\n"


@dataclass(frozen=True)
class Spoil:
    """What happens to a connection; byte counts are of what flows to the client."""

    delay: float = 0  # seconds added to every chunk, both ways
    cut_after: int | None = None  # then the connection is reset
    hang_after: int | None = None  # then nothing comes any more, and nothing ends
    banner: bytes | None = None  # said at once instead of what the server says; then closed


class Relay:
    """Listens on a free port of loopback, for as many connections as come."""

    def __init__(self, address: str, port: int, spoil: Spoil) -> None:
        self._target, self._spoil = (address, port), spoil
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self._open: list[socket.socket] = []
        self.address = "127.0.0.1"
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError):
            if self._spoil.banner is not None:
                client.sendall(self._spoil.banner)
                client.close()
                return
            server = socket.create_connection(self._target, timeout=30)
            server.settimeout(None)
            self._open.append(server)
            threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
            self._pump(server, client, spoiled=True)

    def _pump(self, source: socket.socket, sink: socket.socket, spoiled: bool = False) -> None:
        count = 0
        with suppress(OSError):
            while data := source.recv(CHUNK):
                count += len(data)
                time.sleep(self._spoil.delay)
                if spoiled:
                    self._break(count, sink)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def _break(self, count: int, client: socket.socket) -> None:
        if self._spoil.hang_after is not None and count > self._spoil.hang_after:
            self._closing.wait()
            raise ConnectionAbortedError
        if self._spoil.cut_after is not None and count > self._spoil.cut_after:
            reset = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            client.shutdown(socket.SHUT_RD)  # wakes the other pump: while it reads, no reset goes
            client.close()


@contextmanager
def relay(
    address: str,
    port: int,
    *,
    delay: float = 0,
    cut_after: int | None = None,
    hang_after: int | None = None,
    banner: bytes | None = None,
) -> Iterator[Relay]:
    """A relay in front of a server; connect to its `.address` and `.port`."""
    server = Relay(address, port, Spoil(delay, cut_after, hang_after, banner))
    try:
        yield server
    finally:
        server.close()
