"""A client that knocks at a port of a node all the time, and knows for how long it was shut."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from lab.node import Node
from lab.wait import until


@dataclass
class Door:
    """Who answered at a port, and when: a client that knocks all the time."""

    address: tuple[str, int]
    answers: list[tuple[float, str]] = field(default_factory=list)

    @property
    def closed(self) -> float:
        """The longest time in seconds between two answers."""
        return max(later - earlier for (earlier, _), (later, _) in pairwise(self.answers))

    @property
    def hosts(self) -> list[str]:
        """Who answered, in turn."""
        names = [name for _, name in self.answers]
        return [name for before, name in pairwise(["", *names]) if name != before]

    def knock(self) -> str:
        """The page that says who serves; empty when nobody does."""
        try:
            with socket.create_connection(self.address, timeout=2) as link:
                link.sendall(b"GET / HTTP/1.0\r\n\r\n")
                page = b"".join(iter(lambda: link.recv(4096), b""))
        except OSError:
            return ""
        return page.decode().partition("\r\n\r\n")[2].strip()

    def knock_until(self, end: threading.Event) -> None:
        while not end.is_set():
            if name := self.knock():
                self.answers.append((time.monotonic(), name))
            end.wait(0.02)


@contextmanager
def knocking(node: Node, port: int) -> Iterator[Door]:
    """A client knocks from before the block until after it, and is answered before and after."""
    door, end = Door((node.address, port)), threading.Event()
    client = threading.Thread(target=door.knock_until, args=(end,))
    client.start()
    try:
        until(lambda: door.answers, 30, f"answer at {port} of {node.name}")
        yield door
        count = len(door.answers)
        until(lambda: len(door.answers) > count, 60, f"answer at {port} of {node.name}")
    finally:
        end.set()
        client.join()
