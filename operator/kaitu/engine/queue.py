"""The work queue: each node at most once, urgent first, one worker on a node at a time."""

import asyncio
import heapq
import itertools
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum
from typing import Generic, TypeVar

Key = TypeVar("Key")


class Priority(IntEnum):
    """Who goes first: a person's edit, then what a Secret or ConfigMap reaches, then routine."""

    URGENT = 0
    REFERENCE = 1
    PERIODIC = 2


class Queue(Generic[Key]):
    """Keys to work on, now or later.

    A key that is added while it is being worked on comes back when that work is done. A later
    due time of a key replaces the earlier one; adding it now cancels its due time.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ready: tuple[OrderedDict[Key, None], ...] = tuple(OrderedDict() for _ in Priority)
        self._working: set[Key] = set()
        self._again: dict[Key, Priority] = {}
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()
        self._line = asyncio.Lock()

    def add(self, key: Key, priority: Priority) -> None:
        """Work on ``key`` as soon as a worker is free."""
        self._due.pop(key, None)
        if key in self._working:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        waiting = next((p for p in Priority if key in self._ready[p]), None)
        if waiting is not None and waiting <= priority:
            return
        if waiting is not None:
            del self._ready[waiting][key]
        self._ready[priority][key] = None
        self._changed.set()

    def add_at(self, key: Key, at: float) -> None:
        """Work on ``key`` at the clock's time ``at``, unless it is added earlier."""
        self._due[key] = at
        heapq.heappush(self._heap, (at, next(self._order), key))
        self._changed.set()

    def forget(self, key: Key) -> None:
        """The key is gone; work in hand is not interrupted."""
        self._due.pop(key, None)
        self._again.pop(key, None)
        for ready in self._ready:
            ready.pop(key, None)

    async def get(self) -> Key:
        """The next key; call ``done`` with it afterwards.

        Who waits stands in line, and only the first watches: each key wakes one of them.
        """
        async with self._line:
            while (key := self._next()) is None:
                await self._sleep()
        return key

    def _next(self) -> Key | None:
        self._release_due()
        for ready in self._ready:
            if ready:
                key, _ = ready.popitem(last=False)
                self._working.add(key)
                self._due.pop(key, None)
                return key
        return None

    def done(self, key: Key) -> None:
        """The work on ``key`` has ended."""
        self._working.discard(key)
        if key in self._again:
            self.add(key, self._again.pop(key))

    def pending(self, key: Key) -> bool:
        """Whether ``key`` was added again while it is being worked on."""
        return key in self._again

    @property
    def depth(self) -> int:
        """How many keys wait for a worker."""
        return sum(len(ready) for ready in self._ready)

    @property
    def working(self) -> int:
        return len(self._working)

    def _release_due(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == at:
                del self._due[key]
                self.add(key, Priority.PERIODIC)

    async def _sleep(self) -> None:
        """Until something is added or the next key is due."""
        self._changed.clear()
        delay = self._heap[0][0] - self._clock() if self._heap else None
        try:
            async with asyncio.timeout(delay):
                await self._changed.wait()
        except TimeoutError:
            pass
