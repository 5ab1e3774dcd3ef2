"""Who leads which part of the fleet: a Lease for each shard; one shard, and so one leader, unless
there are to be more.

A KaituNode belongs to a shard by its UID. A process leads one or several shards; who leads few is
faster to take a free one, and who leads several gives one to a process that leads none. The
annotation ``SHARDS`` of the first Lease says how many shards are in force. Who wants another
number takes nothing before all shards of that number are free, so no node has two leaders.
"""

import asyncio
import logging
import random
import secrets
import socket
import time
from collections.abc import Iterator
from typing import Final

from kaitu.cluster.api import Api, ApiError
from kaitu.cluster.lease import About, Clock, Leader
from kaitu.cluster.tenure import (
    MOST_SHARDS,
    NAME,
    RENEW_EVERY,
    SHARDS,
    WAITING,
    WATCHES,
    holder_of,
    lease_of,
    patience,
    shard_of,
    shards,
)

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 2.0
RETRY: Final = 1.0
_SECOND: Final = (
    "two operators share one Lease, and only one works; give this one a --lease-namespace of its "
    "own, or end it"
)
_APART: Final = (
    "each leads shards, so that nobody visits the nodes that only the other watches; start all "
    "with the same namespaces"
)


class Shards:
    """Those that this process leads. ``lost`` is set once somebody else may have had one."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        count: int = 1,
        clock: Clock = time.monotonic,
        *,
        about: About | None = None,
    ) -> None:
        self.count = count
        self.identity = f"{socket.gethostname()}_{secrets.token_hex(4)}"
        self.lost = asyncio.Event()
        self._about = {**(about or {}), SHARDS: str(count)}
        self._namespace = namespace
        self._clock = clock
        self._free: dict[int, float] = {}
        self._said = ""
        self._leaders = [
            Leader(api, (namespace, lease_of(n)), self.identity, self._about, clock)
            for n in range(MOST_SHARDS)
        ]
        self._waiting = Leader(api, (namespace, WAITING), self.identity, self._about, clock)

    @property
    def led(self) -> frozenset[int]:
        return frozenset(n for n, leader in enumerate(self._leaders) if leader.leads)

    def of(self, uid: str) -> int:
        return shard_of(uid, self.count)

    def leads(self, shard: int) -> bool:
        return self._leaders[shard].leads

    def may_write(self) -> bool:
        """Whether nobody else can lead any of them right now; asked anew before each write."""
        held = [leader for leader in self._leaders if leader.leads]
        return bool(held) and not self.lost.is_set() and all(one.may_write() for one in held)

    async def acquire(self) -> None:
        """Wait until this process leads. An API server that does not answer is waited for."""
        while not self.led:
            try:
                if await self.seek() is not None:
                    break
            except ApiError as error:
                log.warning("cannot reach the lease: %s", error)
            await asyncio.sleep(LOOK_EVERY * random.uniform(0.8, 1.1))  # noqa: S311 - jitter
        log.info("%s leads%s", self.identity, self._which())

    async def seek(self) -> int | None:
        """Look around, and take a shard that nobody leads; at most one at a time, for others look,
        too. Raises ``ApiError``.
        """
        free = await self._long_free()
        shard = self._choice(free)
        if shard is None or not await self._agreed(shard):
            await self._stand_by()
            return None
        before = self._in_force()
        if not await self._leaders[shard].take():
            return None
        if not await self._still_agreed(shard, before):
            told = {} if before is None else {SHARDS: str(before)}
            await self._leaders[shard].release(told)
            return None
        self._free.pop(shard, None)
        await self._waiting.release()
        return shard

    async def surplus(self) -> int | None:
        """The shard to give up, where this process leads several and another one waits for any."""
        if len(self.led) < 2 or self._free:
            return None
        await self._waiting.look()
        return max(self.led) if self._waiting.lives else None

    async def give_up(self, shard: int) -> None:
        """Leave it to the next; nothing of it is written any more."""
        await self._leaders[shard].release()

    async def run(self) -> None:
        """Renew until a lease is lost; the process must then end."""
        pause = RENEW_EVERY
        while not self.lost.is_set():
            await asyncio.sleep(pause)
            pause = RENEW_EVERY if await self.renew() else RETRY

    async def renew(self) -> bool:
        """Renew now; False when that did not succeed, and sets ``lost`` if somebody else leads."""
        held = [leader for leader in self._leaders if leader.leads]
        done = await asyncio.gather(*(leader.renew() for leader in held))
        if any(leader.lost for leader in held):
            self.lost.set()
        return bool(held) and all(done)

    async def release(self) -> None:
        """Leave all of them without a holder, so that others take them at once."""
        self.lost.set()
        await asyncio.gather(*(one.release() for one in (*self._leaders, self._waiting)))

    async def _long_free(self) -> list[int]:
        """Those that nobody leads, and that were left to others for long enough."""
        now, wait = self._clock(), patience(len(self.led))
        for shard, leader in self._others():
            if await leader.look():
                self._free.setdefault(shard, now)
            else:
                self._free.pop(shard, None)
        return [shard for shard, since in self._free.items() if now - since >= wait]

    def _others(self) -> Iterator[tuple[int, Leader]]:
        """Those of the shards that this process does not lead."""
        all_of_them = enumerate(self._leaders[: self.count])
        return ((shard, leader) for shard, leader in all_of_them if not leader.leads)

    def _choice(self, free: list[int]) -> int | None:
        """The first one where it has to say how many there are, else any: others choose, too."""
        if self._in_force() != self.count:
            return 0 if 0 in free else None
        return random.choice(free) if free else None  # noqa: S311 - no secret

    def _in_force(self) -> int | None:
        return shards(self._leaders[0].found)

    async def _agreed(self, shard: int, before: int | None = None) -> bool:
        """Whether nobody works with another number of shards. Asked before one is taken and after
        it: of two who take at the same time, one sees the other.
        """
        if shard:
            if before is not None:
                await self._leaders[0].look()
            return self._in_force() == self.count
        number = self._in_force() if before is None else before
        if number is None or number == self.count:
            return True
        return all([await leader.look() for leader in self._leaders[1:number]])

    async def _still_agreed(self, shard: int, before: int | None) -> bool:
        try:
            return await self._agreed(shard, before)
        except ApiError as error:
            log.warning("cannot look at the other shards, leaving shard %d: %s", shard, error)
            return False

    async def _stand_by(self) -> None:
        """Say who leads, and, among several shards, that this process waits for one."""
        self._say_who()
        if self.led:
            return self._check()
        if self.count > 1 and not self._free and self._in_force() == self.count:
            if self._waiting.leads:
                await self._waiting.renew()
            elif await self._waiting.look():
                await self._waiting.take()
        return None

    def _check(self) -> None:
        """Another number of shards came into force, against our Lease: what we do is not ours."""
        if self._in_force() not in (None, self.count):
            log.error("%s shards are in force, not %d: ending", self._in_force(), self.count)
            self.lost.set()

    def _which(self) -> str:
        led = ", ".join(str(shard) for shard in sorted(self.led))
        return f" shard {led} of {self.count}" if self.count > 1 else ""

    def _say_who(self) -> None:
        """Once for each leader: who it is, and whether it does what this process would do."""
        lease = self._leaders[0].found or {}
        holder = holder_of(lease)
        if not holder or holder == self._said:
            return
        self._said = holder
        if not self.led:
            log.info(
                "standing by: %s holds the Lease %s in namespace %s", holder, NAME, self._namespace
            )
        told = lease["metadata"].get("annotations") or {}
        other, mine = told.get(WATCHES), self._about.get(WATCHES)
        if other and mine and other != mine:
            log.warning(
                f"%s watches %s, this process would watch %s: {_APART if self.led else _SECOND}",
                holder,
                other,
                mine,
            )
        if self._in_force() != self.count:
            log.warning(
                "%s works with %s shards, this process with %d: it waits until that is over",
                holder,
                self._in_force(),
                self.count,
            )
