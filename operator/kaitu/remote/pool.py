"""One connection per node, kept and reused, and never for longer than it may be trusted."""

import asyncio
import random
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final

from kaitu.remote.ssh import Connection, Denied, Target, connect

LONGEST: Final = 3600.0
"""A connection outlives a revoked key or a changed policy for at most this many seconds."""
AT_ONCE: Final = 100


@dataclass(slots=True)
class _Kept:
    connection: Connection
    until: float


@dataclass(slots=True)
class Pool:
    """Connections by node. ``session`` gives an open one; a new target ends the old one."""

    clock: Callable[[], float] = time.monotonic
    _kept: dict[Hashable, _Kept] = field(default_factory=dict)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def session(
        self, node: Hashable, target: Target, denied: Denied, *, fresh: bool = False
    ) -> Connection:
        """An open connection to ``target``; raises ``KaituError`` when there can be none."""
        kept = self._kept.get(node)
        if kept and not fresh and self._usable(kept, target, denied):
            return kept.connection
        self.forget(node)
        async with self._gate:
            connection = await connect(target, denied)
        lifetime = LONGEST * random.uniform(0.8, 1.0)  # noqa: S311 - spreads the reconnects
        self._kept[node] = _Kept(connection, self.clock() + lifetime)
        return connection

    def _usable(self, kept: _Kept, target: Target, denied: Denied) -> bool:
        fits = kept.connection.alive and kept.connection.target == target
        return fits and self.clock() < kept.until and denied(kept.connection.address) is None

    def forget(self, node: Hashable) -> None:
        """End the node's connection, if there is one."""
        if kept := self._kept.pop(node, None):
            kept.connection.abort()

    def describe(self, node: Hashable) -> dict[str, Any]:
        """``status.connection`` of the node's open connection; empty without one."""
        kept = self._kept.get(node)
        if kept is None:
            return {}
        found = kept.connection
        return {"hostKeyFingerprint": found.fingerprint, "address": found.address}

    def close_all(self) -> None:
        for node in list(self._kept):
            self.forget(node)

    def __len__(self) -> int:
        return len(self._kept)
