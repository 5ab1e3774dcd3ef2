"""Whether the watch still tells what happens: what it told is compared with a list of our own.

A watch can die in silence, behind a load balancer or by a defect, and an idle fleet looks the
same. That a KaituNode has long been in another state than we were told is proof.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from kaitu.cluster.api import Named
from kaitu.controller.store import Key, Store, older


class Missed(NamedTuple):
    """A state that the API server had at that time, and that the watch had not told of."""

    version: str
    since: float


@dataclass(slots=True)
class Watched:
    """What is known of the watch: its last event, and what it owes us."""

    last_event: float = field(default_factory=time.time)
    _looked: float = 0.0
    _missed: dict[Key, Missed] = field(default_factory=dict)

    def told(self) -> None:
        """An event came."""
        self.last_event = time.time()

    def compare(self, store: Store, present: Mapping[Key, Named], now: float) -> None:
        """``present`` was listed at ``now``. What was owed before keeps its time."""
        owed, self._looked = self._owed(store), now
        self._missed = {
            key: owed.get(key, Missed(one.version, now))
            for key, one in present.items()
            if _lacks(store, key, one.version)
        }

    def owes(self, store: Store) -> bool:
        """Whether something that was listed has not been told of yet."""
        return bool(self._owed(store))

    def behind(self, store: Store) -> float:
        """For how many seconds, up to the last look, something was owed; 0 when nothing is.

        While the API server cannot be asked, nobody knows of more.
        """
        return max((self._looked - one.since for one in self._owed(store).values()), default=0.0)

    def _owed(self, store: Store) -> dict[Key, Missed]:
        missed = list(self._missed.items())  # a copy: a scrape asks from a thread of its own
        return {key: one for key, one in missed if _lacks(store, key, one.version)}


def _lacks(store: Store, key: Key, version: str) -> bool:
    known = store.get(key)
    return known is None or older(known.version, version)
