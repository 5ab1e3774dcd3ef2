"""One Lease and one who wants it, told by what is seen to change, not by remote clocks."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from kaitu.cluster.api import Api, ApiError, Conflict, Missing
from kaitu.cluster.tenure import (
    Create,
    Lease,
    Seen,
    Take,
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

About = Mapping[str, str]
"""What the annotations of a Lease tell of its holder."""
Clock = Callable[[], float]
_NOTHING: Final[About] = {}
PATIENCE: Final = 4.0
"""Seconds for one request: a renewal that hangs must leave time for another."""


class Leader:
    """One process that wants one Lease. ``lost`` once somebody else may have had it.

    ``found`` is the Lease as it was last looked at.
    """

    def __init__(
        self, api: Api, at: tuple[str, str], identity: str, about: About, clock: Clock
    ) -> None:
        namespace, name = at
        self._api = api
        self._identity = identity
        self._about = about
        self._clock = clock
        self._name = {"name": name, "namespace": namespace}
        self._all = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._one = f"{self._all}/{name}"
        self._held: Lease | None = None
        self._sent: float | None = None
        self._seen: Seen | None = None
        self._turn = asyncio.Lock()  # a renewal on its way must not undo a release, nor see a loss
        self.found: Lease | None = None
        self.lives = False
        self.lost = False

    @property
    def leads(self) -> bool:
        return self._held is not None

    def may_write(self) -> bool:
        """Whether nobody else can have the lease right now."""
        return not self.lost and trusted(self._sent, self._clock())

    async def look(self) -> bool:
        """Whether it can be taken. ``lives`` says that its holder was seen to renew it."""
        self.found = await self._get()
        before, self._seen = self._seen, observe(self._seen, self.found, self._clock())
        free = not isinstance(self._decision(), Wait)
        self.lives = not free and (self.lives or bool(before and before != self._seen))
        return free

    async def take(self) -> bool:
        """Take what was found free; False when somebody was faster."""
        wanted = taken(self.found, self._name, self._identity, _stamp(), self._about)
        try:
            await self._hold(wanted, new=self.found is None)
        except Conflict:
            return False
        self.found, self.lost = self._held, False
        return True

    def _decision(self) -> Create | Take | Wait:
        return decide(self.found, self._seen, self._identity, self._clock())

    async def renew(self) -> bool:
        """Renew now; False when that did not succeed; ``lost`` if somebody else leads."""
        try:
            async with self._turn:
                return await self._renew()
        except Missing:
            self._lose("the lease was deleted")
        except ApiError as error:
            log.warning("lease not renewed: %s", error)
        return False

    async def release(self, about: About = _NOTHING) -> None:
        """Leave the lease without a holder, so that the next takes it at once."""
        async with self._turn:
            lease, self._held, self._sent = self._held, None, None
            if lease is None or self.lost:
                return
            try:
                await self._release(lease, about)
            except ApiError as error:
                log.warning("lease not released, others wait until it ends: %s", error)

    async def _release(self, lease: Lease, about: About) -> None:
        try:
            await self._put(released(lease, _stamp(), about))
        except Conflict:  # a renewal that was cut off may have arrived
            newest = await self._get()
            if newest and holder_of(newest) == self._identity:
                await self._put(released(newest, _stamp(), about))

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
        if lease is None or holder_of(lease) != self._identity:
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
        log.error("%s no longer leads: %s", self._identity, why)
        self._held = self._sent = None
        self.lost = True

    async def _get(self) -> Lease | None:
        try:
            return await self._api.urgent("GET", self._one, seconds=PATIENCE)
        except Missing:
            return None

    async def _post(self, lease: Lease) -> Lease:
        return await self._api.urgent("POST", self._all, lease, seconds=PATIENCE)

    async def _put(self, lease: Lease) -> Lease:
        return await self._api.urgent("PUT", self._one, lease, seconds=PATIENCE)


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
