"""Who leads: one holder of a Lease, told by what is seen to change, not by remote clocks."""

import asyncio
import logging
import random
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from kaitu.cluster.api import Api, ApiError, Conflict, Missing
from kaitu.cluster.tenure import (
    NAME,
    RENEW_EVERY,
    WATCHES,
    Create,
    Lease,
    Seen,
    Wait,
    decide,
    holder_of,
    observe,
    released,
    renewed,
    taken,
    trusted,
)

log = logging.getLogger(__name__)

_NOTHING: Final[Mapping[str, str]] = {}
LOOK_EVERY: Final = 2.0
RETRY: Final = 1.0
PATIENCE: Final = 4.0
"""Seconds for one request: a renewal that hangs must leave time for another."""


class Leader:
    """One process that wants the lease. ``lost`` is set once somebody else may have had it."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        about: Mapping[str, str] = _NOTHING,
    ) -> None:
        self._about = about
        self._said = ""
        self._api = api
        self._clock = clock
        self._name = {"name": NAME, "namespace": namespace}
        self._all = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._held: Lease | None = None
        self._sent: float | None = None
        self.identity = f"{socket.gethostname()}_{secrets.token_hex(4)}"
        self.lost = asyncio.Event()

    def may_write(self) -> bool:
        """Whether nobody else can lead right now; asked anew before each write."""
        return not self.lost.is_set() and trusted(self._sent, self._clock())

    async def acquire(self) -> None:
        """Wait until this process leads. An API server that does not answer is waited for."""
        seen: Seen | None = None
        while self._held is None:
            try:
                seen, pause = await self._try(seen)
            except ApiError as error:
                log.warning("cannot reach the lease: %s", error)
                pause = LOOK_EVERY
            if pause:
                await asyncio.sleep(pause * random.uniform(0.8, 1.1))  # noqa: S311 - jitter
        log.info("%s leads", self.identity)

    async def run(self) -> None:
        """Renew until the lease is lost; the process must then end."""
        pause = RENEW_EVERY
        while not self.lost.is_set():
            await asyncio.sleep(pause)
            pause = RENEW_EVERY if await self.renew() else RETRY

    async def renew(self) -> bool:
        """Renew now; False when that did not succeed, and sets ``lost`` if somebody else leads."""
        try:
            return await self._renew()
        except Missing:
            self._lose("the lease was deleted")
        except ApiError as error:
            log.warning("lease not renewed: %s", error)
        return False

    async def release(self) -> None:
        """Leave the lease without a holder, so that the next takes it at once."""
        lease, self._held, self._sent = self._held, None, None
        if lease is None or self.lost.is_set():
            return
        self.lost.set()
        try:
            await self._release(lease)
        except ApiError as error:
            log.warning("lease not released, others wait until it ends: %s", error)

    async def _release(self, lease: Lease) -> None:
        try:
            await self._put(released(lease, _stamp()))
        except Conflict:  # a renewal that was cut off may have arrived
            newest = await self._get()
            if newest and holder_of(newest) == self.identity:
                await self._put(released(newest, _stamp()))

    async def _try(self, seen: Seen | None) -> tuple[Seen | None, float]:
        """Look, and take it if it is free; what was seen, and how long to wait."""
        lease = await self._get()
        seen = observe(seen, lease, self._clock())
        decision = decide(lease, seen, self.identity, self._clock())
        if isinstance(decision, Wait):
            self._say_who(lease or {})
            return seen, min(LOOK_EVERY, decision.seconds)
        wanted = taken(lease, self._name, self.identity, _stamp(), self._about)
        try:
            await self._hold(wanted, new=isinstance(decision, Create))
        except Conflict:
            return seen, LOOK_EVERY
        return seen, 0

    def _say_who(self, lease: Lease) -> None:
        """Once for each leader: who it is, and whether it does what this process would do."""
        holder, namespace = holder_of(lease), self._name["namespace"]
        if holder == self._said:
            return
        self._said = holder
        log.info("standing by: %s holds the Lease %s in namespace %s", holder, NAME, namespace)
        other = (lease["metadata"].get("annotations") or {}).get(WATCHES)
        mine = self._about.get(WATCHES)
        if other and mine and other != mine:
            log.warning(
                "%s watches %s, this process would watch %s: two operators share one Lease, and "
                "only one works; give this one a --lease-namespace of its own, or end it",
                holder,
                other,
                mine,
            )

    async def _renew(self) -> bool:
        if self._held is None:
            return False
        try:
            await self._hold(renewed(self._held, _stamp()))
        except Conflict:
            return await self._contested()
        return True

    async def _contested(self) -> bool:
        """The lease is not as we left it: a renewal of ours arrived unheard, or it was taken."""
        lease = await self._get()
        if lease is None or holder_of(lease) != self.identity:
            self._lose(f"the lease is held by {holder_of(lease or {}) or 'nobody'}")
            return False
        await self._hold(renewed(lease, _stamp()))
        return True

    async def _hold(self, wanted: Lease, *, new: bool = False) -> None:
        """Counted from before it was sent: others see it only after that."""
        sent = self._clock()
        self._held = await (self._post(wanted) if new else self._put(wanted))
        self._sent = sent

    def _lose(self, why: str) -> None:
        if not self.lost.is_set():
            log.error("%s no longer leads: %s", self.identity, why)
        self._held = self._sent = None
        self.lost.set()

    async def _get(self) -> Lease | None:
        try:
            return await self._api.urgent("GET", f"{self._all}/{NAME}", seconds=PATIENCE)
        except Missing:
            return None

    async def _post(self, lease: Lease) -> Lease:
        return await self._api.urgent("POST", self._all, lease, seconds=PATIENCE)

    async def _put(self, lease: Lease) -> Lease:
        return await self._api.urgent("PUT", f"{self._all}/{NAME}", lease, seconds=PATIENCE)


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
