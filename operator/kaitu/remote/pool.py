"""One connection per node, kept and reused, and never for longer than it may be trusted."""

import asyncio
import random
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote.connection import Connection
from kaitu.remote.observed import NOBODY, Observer
from kaitu.remote.ssh import PATIENCE, Patience, Target, connect
from kaitu.remote.wire import Denied

LONGEST: Final = 3600.0
"""Seconds: a connection would outlive a revoked key or a new host key."""
MOST: Final = 2000
"""Connections that are kept: each takes some 30 KB, and a file of the process."""


@dataclass(frozen=True, slots=True)
class _Kept:
    connection: Connection
    target: Target
    until: float
    retire: asyncio.TimerHandle


class Pool:
    """Connections by node. ``session`` gives an open one; a new target ends the old one.

    No connection lives longer than ``longest`` seconds. At most ``most`` are kept beyond a visit.
    """

    def __init__(
        self, longest: float = LONGEST, most: int = MOST, observer: Observer = NOBODY
    ) -> None:
        self._longest = longest
        self._observer = observer
        self._most = most
        self._kept: dict[Hashable, _Kept] = {}
        self._closed = False

    async def session(
        self,
        node: Hashable,
        target: Target,
        denied: Denied,
        *,
        fresh: bool = False,
        patience: Patience = PATIENCE,
    ) -> Connection:
        """An open connection to ``target``; raises ``KaituError`` when there can be none."""
        kept = self._kept.get(node)
        if kept and not fresh and self._usable(kept, target, denied):
            kept.connection.reused = True
            return kept.connection
        self.forget(node)
        connection = await connect(target, denied, patience, self._observer)
        self._keep(node, connection, target)
        return connection

    def _usable(self, kept: _Kept, target: Target, denied: Denied) -> bool:
        fits = kept.connection.alive and kept.target == target
        young = asyncio.get_running_loop().time() < kept.until
        return fits and young and not any(map(denied, kept.connection.addresses))

    def _keep(self, node: Hashable, connection: Connection, target: Target) -> None:
        """Jitter spreads the reconnects of a fleet that was reached all at once."""
        if self._closed:
            connection.abort()
            raise KaituError(Reason.CONNECTION_LOST, "the operator is stopping")
        self.forget(node)
        loop = asyncio.get_running_loop()
        lifetime = self._longest * random.uniform(0.8, 1.0)  # noqa: S311 - no secret
        retire = loop.call_later(lifetime, self._retire, node, connection)
        self._kept[node] = _Kept(connection, target, loop.time() + lifetime, retire)

    def _retire(self, node: Hashable, connection: Connection) -> None:
        """End what nobody asks for any more; a command in hand is left to finish."""
        kept = self._kept.get(node)
        if kept and kept.connection is connection and not connection.busy:
            self.forget(node)

    def rest(self, node: Hashable) -> None:
        """A visit has ended. Where too many are kept its connection goes, and none of the others:
        in a fleet that is visited in turn, the one that was used longest ago is needed next.
        """
        if len(self._kept) > self._most:
            self.forget(node)

    def forget(self, node: Hashable) -> None:
        """End the node's connection, if there is one."""
        if kept := self._kept.pop(node, None):
            kept.retire.cancel()  # it would keep the ended connection in memory for an hour
            kept.connection.close()

    def describe(self, node: Hashable) -> dict[str, Any]:
        """``status.connection`` of the node's open connection; empty without one."""
        kept = self._kept.get(node)
        if kept is None:
            return {}
        found = kept.connection
        return {"hostKeyFingerprint": found.fingerprint, "address": found.address}

    def close_all(self) -> None:
        """End every connection, also those that are still being made."""
        self._closed = True
        for node in list(self._kept):
            self.forget(node)

    def __len__(self) -> int:
        return len(self._kept)
