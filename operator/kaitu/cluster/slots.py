"""Who holds a slot of the fleet brake, where several processes lead shards of one fleet.

A ConfigMap in the operator's namespace with one entry for each shard: the nodes, as
``namespace/name``, that count as disrupted. A shard's leader writes its entry and reads those of
others. A write replaces the state that was read: of two who take the last slot one is refused.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from kaitu.cluster.api import Api, Body, Conflict
from kaitu.cluster.configmap import found_or_made

NAME: Final = "kaitu-slots"
ATTEMPTS: Final = 10

Node = tuple[str, str]  # namespace, name
Holders = Mapping[int, frozenset[Node]]
"""By shard."""


class SharedSlots:
    """The one reader and writer of that ConfigMap. All raise ``ApiError``."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._all = f"/api/v1/namespaces/{namespace}/configmaps"
        self._turn = asyncio.Lock()

    async def agree(self, answer: Callable[[Holders], Holders]) -> None:
        """Write what ``answer`` makes of what is there; it is asked again where that has changed.

        One after the other: what is written must be known here before the next one is answered.
        Raises ``Conflict`` when others were faster each time.
        """
        async with self._turn:
            await self._agree(answer)

    async def _agree(self, answer: Callable[[Holders], Holders]) -> None:
        for _ in range(ATTEMPTS):
            found = await self._found()
            there = _holders(found)
            wanted = answer(there)
            if wanted == there:
                return
            try:
                await self._api.update(f"{self._all}/{NAME}", {**found, "data": _data(wanted)})
            except Conflict:
                continue
            return
        raise Conflict(409, f"ConfigMap {NAME} changed {ATTEMPTS} times while it was written")

    async def _found(self) -> Body:
        return await found_or_made(self._api, self._all, NAME, {})


def _holders(body: Body) -> dict[int, frozenset[Node]]:
    """What is no shard or no node was written by somebody else, and is dropped."""
    data = body.get("data") or {}
    return {
        int(shard): nodes
        for shard, text in data.items()
        if shard.isascii() and shard.isdigit() and (nodes := frozenset(_nodes(text)))
    }


def _nodes(text: str) -> Iterable[Node]:
    for word in text.split():
        namespace, _, name = word.partition("/")
        if name:
            yield namespace, name


def _data(holders: Holders) -> dict[str, str]:
    return {
        str(shard): " ".join(sorted("/".join(node) for node in nodes))
        for shard, nodes in holders.items()
        if nodes
    }
