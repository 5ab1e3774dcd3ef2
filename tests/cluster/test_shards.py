"""What one of several processes does with Leases, whatever the order in which answers come."""

import asyncio
from collections.abc import Mapping
from typing import Any

from kaitu.cluster.errors import Conflict, Missing
from kaitu.cluster.shards import Shards
from kaitu.cluster.tenure import SHARDS, WAITING, holder_of, lease_of, taken


class ToyLeases:
    """An API server that knows Leases. The next writes arrive after the seconds of ``late``, their
    answers after those of ``slow``.
    """

    def __init__(self) -> None:
        self.there: dict[str, dict[str, Any]] = {}
        self.versions = 0
        self.late: list[float] = []
        self.slow: list[float] = []

    async def urgent(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, seconds: float
    ) -> dict[str, Any]:
        assert seconds
        if body and self.late:
            await asyncio.sleep(self.late.pop(0))
        name = body["metadata"]["name"] if body else path.rpartition("/")[2]
        found = self.there.get(name)
        if method != "POST" and found is None:
            raise Missing(404, name)
        if body:
            version = body["metadata"].get("resourceVersion")
            if version != (found or {"metadata": {}})["metadata"].get("resourceVersion"):
                raise Conflict(409, name)
            self.put(body)
            await asyncio.sleep(self.slow.pop(0) if self.slow else 0)
        return self.there[name]

    def put(self, body: Mapping[str, Any]) -> None:
        self.versions += 1
        meta = {**body["metadata"], "resourceVersion": str(self.versions)}
        self.there[meta["name"]] = {**body, "metadata": meta}

    def held(self, shard: int) -> str:
        return holder_of(self.there.get(lease_of(shard), {}))


def process(leases: ToyLeases, count: int = 2) -> Shards:
    api: Any = leases
    return Shards(api, "kaitu-system", count)


async def leading_both(leases: ToyLeases) -> Shards:
    ours = process(leases)
    for shard in range(2):
        leader = ours._leaders[shard]
        assert await leader.look()
        assert await leader.take()
    return ours


def test_a_shard_that_is_left_while_its_lease_is_renewed_stays_left() -> None:
    """The answer to the renewal comes after the release was asked for."""

    async def use() -> None:
        leases = ToyLeases()
        ours = await leading_both(leases)
        leases.slow = [0.05, 0.05]
        renewing = asyncio.create_task(ours.renew())
        await asyncio.sleep(0.01)
        await ours.give_up(1)
        await renewing

        assert ours.led == {0}
        assert leases.held(1) == ""
        assert not ours.lost.is_set()

    asyncio.run(use())


def test_a_renewal_that_meets_a_release_is_no_loss() -> None:
    async def use() -> None:
        leases = ToyLeases()
        ours = await leading_both(leases)
        leases.late = [0.05, 0.05]
        renewing = asyncio.create_task(ours.renew())
        await asyncio.sleep(0.01)
        await ours.give_up(1)
        await renewing

        assert ours.led == {0}
        assert not ours.lost.is_set()

    asyncio.run(use())


def test_who_knows_another_number_does_not_ask_for_a_part() -> None:
    """Those who lead would leave it one that it does not take."""

    async def use() -> None:
        leases = ToyLeases()
        for shard in range(3):
            name = {"name": lease_of(shard), "namespace": "kaitu-system"}
            leases.put(taken(None, name, "another", "t0", {SHARDS: "3"}))

        assert await process(leases, 2).seek() is None
        assert WAITING not in leases.there
        assert await process(leases, 3).seek() is None
        assert WAITING in leases.there

    asyncio.run(use())
