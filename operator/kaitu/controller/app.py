"""Everything a visit of this process needs, wired once at the start and passed along."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kaitu.api.policy import Policy
from kaitu.cluster.api import Api
from kaitu.cluster.events import Recorder
from kaitu.cluster.found import Object
from kaitu.cluster.installation import Installation
from kaitu.cluster.known_hosts import KnownHosts
from kaitu.cluster.references import References
from kaitu.cluster.shards import Shards
from kaitu.cluster.slots import SharedSlots
from kaitu.controller.metrics import Metrics
from kaitu.controller.store import Key, Record, Store
from kaitu.controller.watched import Watched
from kaitu.engine.guard import Guard
from kaitu.engine.queue import Priority, Queue
from kaitu.engine.slots import Slots
from kaitu.remote.pool import Pool


@dataclass(frozen=True, slots=True)
class Writer:
    """Who this process is to the nodes: installation id and a process id; and the counter of each
    shard that it leads, raised when it was taken (see the fence in docs/operations.md).
    """

    installation: str
    process: str
    fences: dict[int, int]


@dataclass(slots=True)
class App:
    """The parts of the running operator. ``stopping`` is set by SIGTERM: no new step begins.

    ``leaving`` has the shards that are being given up: there no new step begins, either.
    ``looking`` has the turns that have written nothing yet, neither on a node nor in the API: who
    stops does not wait for them.
    """

    api: Api
    shards: Shards
    writer: Writer
    policy: Policy
    references: References
    known_hosts: KnownHosts
    pool: Pool
    events: Recorder
    metrics: Metrics
    slots: Slots
    installation: Installation
    shared: SharedSlots
    namespaces: tuple[str, ...] = ()
    store: Store = field(default_factory=Store)
    guard: Guard = field(default_factory=Guard)
    watched: Watched = field(default_factory=Watched)
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    stopping: bool = False
    leaving: set[int] = field(default_factory=set)
    lag: float = 0.0
    beat: float = 0.0
    uses: dict[Key, frozenset[Object]] = field(default_factory=dict)
    looking: dict[Key, "asyncio.Task[None]"] = field(default_factory=dict)
    queue: Queue[Key] = field(init=False)

    def __post_init__(self) -> None:
        self.queue = Queue(self.clock, self._group)

    def _group(self, key: Key) -> tuple[str, bool]:
        """Who shares places with whom: a namespace's nodes, and apart from them its slow ones."""
        record = self.store.get(key)
        return key[0], bool(record and record.memory.slow)

    def may_write(self, key: Key) -> bool:
        """Whether this process still leads; a turn that was told so is let finish."""
        self.looking.pop(key, None)
        record = self.store.get(key)
        here = record is not None and self.works_in(self.shards.of(record.uid))
        return here and self.shards.may_write()

    def leads(self, record: Record) -> bool:
        """Whether the node is this process's to visit."""
        shard = self.shards.of(record.uid)
        return self.works_in(shard) and shard not in self.leaving

    def works_in(self, shard: int) -> bool:
        """Whether what is written there is this process's to write, also while it is left."""
        return shard in self.writer.fences and self.shards.leads(shard)

    def reference_changed(self, at: Object) -> None:
        """A Secret or ConfigMap is not as it was: its nodes look again."""
        for key, objects in self.uses.items():
            if at in objects and (record := self.store.get(key)):
                record.memory.renew()
                self.queue.add(key, Priority.REFERENCE)

    def wrote(self, body: Mapping[str, Any]) -> None:
        """The answer to a write of ours. The watch will not call an edit in it new again."""
        if record := self.store.wrote(body):
            record.memory.renew()
            self.queue.add(record.key, Priority.URGENT)

    def wake(self, namespace: str) -> None:
        """A slot was freed or given up: who waited longest comes first."""
        for key in self.slots.next(namespace):
            self.queue.add(key, Priority.REFERENCE)

    def records(self) -> Iterable[Record]:
        """Those that this process leads."""
        return filter(self.leads, self.store.all())

    def holders(self) -> Iterable[Key]:
        return self.slots.all_holders()

    def behind(self) -> float:
        """For how many seconds the watch has owed us something."""
        return self.watched.behind(self.store)

    def _worked(self) -> int:
        """One that was won and cannot be worked in yet is not led."""
        return sum(map(self.works_in, tuple(self.writer.fences)))

    def figures(self) -> dict[str, float]:
        """What the metrics read at scrape time (see ``gauges.FIGURES``)."""
        return {
            "kaitu_nodes": sum(1 for _ in self.records()),
            "kaitu_queue_depth": self.queue.depth,
            "kaitu_visits_in_progress": self.queue.working,
            "kaitu_ssh_connections": len(self.pool),
            "kaitu_slots_taken": self.slots.taken,
            "kaitu_fleet_frozen": float(self.guard.frozen),
            "kaitu_leader": float(self.shards.may_write()),
            "kaitu_shards": self.shards.count,
            "kaitu_shards_led": self._worked() if self.shards.may_write() else 0,
            "kaitu_loop_lag_seconds": self.lag,
            "kaitu_kube_watch_last_event_timestamp_seconds": self.watched.last_event,
            "kaitu_kube_watch_behind_seconds": self.behind(),
        }
