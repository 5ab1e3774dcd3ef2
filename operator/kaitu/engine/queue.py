"""The work queue: each node at most once, urgent first, one visit of a node at a time, fair."""

import asyncio
import heapq
import itertools
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping
from enum import IntEnum
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")
Group = Hashable

MOST: Final = 200
"""Keys that are worked on at once: enough for all that wait on the network, little to hold."""
_SPARE: Final = 1000


class Priority(IntEnum):
    """Who goes first: an edit, then what is new or what a Secret or ConfigMap reaches, then
    routine.
    """

    URGENT = 0
    REFERENCE = 1
    PERIODIC = 2


class Queue(Generic[Key]):
    """Keys to work on, now or later.

    A key that is added while it is being worked on comes back when that work is done. A later
    due time of a key replaces the earlier one; adding it now cancels its due time.

    Groups of keys take turns, and none gets the last places: it is given another one only while
    more are free than it has. So whoever hangs in all of its places leaves room for the others.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        group: Callable[[Key], Group] = lambda _: None,
        most: int = MOST,
    ) -> None:
        self._clock = clock
        self._group = group
        self._most = most
        self._ready: tuple[OrderedDict[Group, OrderedDict[Key, None]], ...] = tuple(
            OrderedDict() for _ in Priority
        )
        self._place: dict[Key, tuple[Priority, Group]] = {}
        self._working: dict[Key, Group] = {}
        self._places: Counter[Group] = Counter()
        self._again: dict[Key, Priority] = {}
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._changed = asyncio.Event()

    def add(self, key: Key, priority: Priority) -> None:
        """Work on ``key`` as soon as there is a place for it."""
        self._due.pop(key, None)
        if key in self._working:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        waiting = self._place.get(key)
        if waiting and waiting[0] <= priority:
            return
        self._drop(key)
        group = self._group(key)
        self._ready[priority].setdefault(group, OrderedDict())[key] = None
        self._place[key] = (priority, group)
        self._changed.set()

    def add_at(self, key: Key, at: float) -> None:
        """Work on ``key`` at the clock's time ``at``, unless it is added earlier."""
        self._tidy()
        self._due[key] = at
        heapq.heappush(self._heap, (at, next(self._order), key))
        if self._heap[0][2] == key:
            self._changed.set()

    def forget(self, key: Key) -> None:
        """The key is gone; work in hand is not interrupted."""
        self._due.pop(key, None)
        self._again.pop(key, None)
        self._drop(key)

    async def get(self) -> Key:
        """The next key; call ``done`` with it afterwards."""
        while True:
            self._release_due()
            key = next(filter(None, map(self._first, self._ready)), None)
            if key is not None:
                return self._take(key)
            await self._sleep()

    def done(self, key: Key) -> None:
        """The work on ``key`` has ended."""
        group = self._working.pop(key)
        self._places[group] -= 1
        if not self._places[group]:
            del self._places[group]
        if key in self._again:
            self.add(key, self._again.pop(key))
        self._changed.set()

    def pending(self, key: Key) -> bool:
        """Whether ``key`` was added again while it is being worked on."""
        return key in self._again

    def busy(self, key: Key) -> bool:
        """Whether ``key`` is being worked on."""
        return key in self._working

    @property
    def depth(self) -> int:
        """How many keys wait to be worked on."""
        return len(self._place)

    @property
    def working(self) -> int:
        return len(self._working)

    def _first(self, ready: Mapping[Group, Mapping[Key, None]]) -> Key | None:
        """The key that waits longest of the first group that may be given another place."""
        free = self._most - len(self._working)
        groups = (keys for group, keys in ready.items() if self._places[group] < free)
        return next((next(iter(keys)) for keys in groups), None)

    def _take(self, key: Key) -> Key:
        """Give it a place; its group comes last from now on."""
        priority, group = self._place[key]
        self._drop(key)
        if group in self._ready[priority]:
            self._ready[priority].move_to_end(group)
        self._due.pop(key, None)
        self._working[key] = group
        self._places[group] += 1
        return key

    def _drop(self, key: Key) -> None:
        """It waits no more; of a group that waits for nothing, nothing is kept."""
        if key not in self._place:
            return
        priority, group = self._place.pop(key)
        keys = self._ready[priority][group]
        del keys[key]
        if not keys:
            del self._ready[priority][group]

    def _release_due(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == at:
                del self._due[key]
                self.add(key, Priority.PERIODIC)

    def _tidy(self) -> None:
        """Due times that were replaced go when they are most of the heap, not only when due."""
        if len(self._heap) > 2 * len(self._due) + _SPARE:
            self._heap = [(at, next(self._order), key) for key, at in self._due.items()]
            heapq.heapify(self._heap)

    async def _sleep(self) -> None:
        """Until something is added or done, or the next key is due."""
        self._changed.clear()
        delay = self._heap[0][0] - self._clock() if self._heap else None
        try:
            async with asyncio.timeout(delay):
                await self._changed.wait()
        except TimeoutError:
            pass
