"""What is remembered of learned host keys, and for how long; the server itself is a toy."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from kaitu.cluster.api import Missing, Unavailable
from kaitu.cluster.known_hosts import FRESH, KnownHosts
from kaitu.core.errors import KaituError

LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJloBW7E+5OB4h/iJGwEOSEFMW+TnWo3dW6whuF0zuQM"


class ToyApi:
    """One ConfigMap; ``away`` while no answer comes, ``held`` until the answer may come."""

    def __init__(self, data: Mapping[str, str] | None) -> None:
        self.data = data
        self.version = 1
        self.reads = 0
        self.away = False
        self.held: asyncio.Event | None = None

    async def get(self, _: str) -> dict[str, Any]:
        self.reads += 1
        seen, version = self.data, self.version
        if self.held:
            await self.held.wait()
        if self.away:
            raise Unavailable(0, "no answer")
        if seen is None:
            raise Missing(404, "none")
        return {"metadata": {"resourceVersion": str(version)}, "data": dict(seen)}

    async def create(self, _: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.data = dict(body["data"])
        return {"metadata": {"resourceVersion": "1"}, "data": self.data}

    async def patch(self, _: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.data = {**(self.data or {}), **body["data"]}
        return {"metadata": {"resourceVersion": str(self.version)}, "data": self.data}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def hosts(data: Mapping[str, str] | None) -> tuple[KnownHosts, Any, Clock]:
    api: Any = ToyApi(data)
    clock = Clock()
    return KnownHosts(api, clock), api, clock


def key(known: KnownHosts, **how: bool) -> str | None:
    return asyncio.run(known.key("edge", "n", **how))


def test_one_read_serves_for_a_while_and_an_old_answer_while_the_server_is_away() -> None:
    known, api, clock = hosts({"n": f"{LINE}\n"})
    assert key(known) == key(known) == LINE
    assert api.reads == 1

    api.away = True
    clock.now += FRESH
    assert key(known) == LINE
    assert api.reads == 2


def test_what_was_never_read_is_not_taken_for_no_key() -> None:
    known, api, _ = hosts(None)
    assert key(known) is None

    fresh, api, _ = hosts({"n": LINE})
    api.away = True
    with pytest.raises(KaituError, match="not read: no answer"):
        key(fresh)


@pytest.mark.parametrize("text", ["", "nonsense", "ssh-ed25519 AAAA", "ssh-dss AAAA", LINE[:-9]])
def test_what_is_no_key_is_not_taken_for_none_either(text: str) -> None:
    known, _, _ = hosts({"n": text})

    with pytest.raises(KaituError, match="n is no public key"):
        key(known)


def test_a_read_that_was_under_way_does_not_undo_what_was_stored() -> None:
    known, api, clock = hosts({})

    async def use() -> None:
        await known.key("edge", "n")
        clock.now += FRESH
        api.held = asyncio.Event()
        old = asyncio.create_task(known.key("edge", "n"))
        await asyncio.sleep(0)
        api.held, held = None, api.held
        clock.now += 1
        await known.store("edge", "n", LINE, instead_of=None)
        held.set()
        assert await old == LINE
        assert await known.key("edge", "n") == LINE

    asyncio.run(use())
