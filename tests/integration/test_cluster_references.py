"""Secrets and ConfigMaps on a real server: read seldom, seen soon; the audit log counts."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from kaitu.cluster.api import Api, Body
from kaitu.cluster.found import ABSENT, FRESH, UNUSED
from kaitu.cluster.references import BURST, RATE, References
from kaitu.core.desired import Reference
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from lab.cluster import Cluster
from rights import Account, connected, eventually

NODES = 50

Test = Callable[[References], Awaitable[None]]


@dataclass
class Clock:
    """Time that passes when the test says so: a minute need not be waited for."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Store:
    """What a test writes to the namespace of its own."""

    account: Account

    @property
    def space(self) -> str:
        return self.account.cluster.namespace

    def secret(self, name: str, value: str, kind: str = "Opaque", key: str = "radius") -> None:
        body = {"apiVersion": "v1", "kind": "Secret", "type": kind, "stringData": {key: value}}
        labels = {"fleet.kaitu.io/use": "env"}
        self.account.cluster.apply({**body, "metadata": {"name": name, "labels": labels}})

    def reads(self, name: str) -> int:
        return len(self.account.asked(f"/{name}", "get"))


@pytest.fixture(scope="module")
def store(cluster: Cluster) -> Store:
    return Store(Account.of(cluster))


def secret(name: str) -> Reference:
    return Reference("Secret", name, "radius")


def used(
    store: Store, test: Callable[[References], Awaitable[None]], clock: Callable[[], float]
) -> list[tuple[str, str, str]]:
    """Run the test with References of its own; what they said has changed."""
    changes: list[tuple[str, str, str]] = []

    async def use() -> None:
        async with connected(store.account.kubeconfig) as api:
            references = References(api, clock)
            references.on_change(changes.append)
            refreshing = asyncio.create_task(references.refresh())
            try:
                await test(references)
            finally:
                refreshing.cancel()

    asyncio.run(use())
    return changes


def test_fleet_shares_one_read_and_sees_a_change_within_a_minute(store: Store) -> None:
    store.secret("shared", "old")
    clock = Clock()

    async def fleet(references: References) -> set[str]:
        values = await asyncio.gather(
            *(references.value(store.space, secret("shared")) for _ in range(NODES))
        )
        return {value.reveal() for value in values}

    async def test(references: References) -> None:
        assert await fleet(references) == {"old"}
        versions = references.versions(store.space, [secret("shared")])
        store.secret("shared", "new")
        clock.now += FRESH - 1
        assert await fleet(references) == {"old"}
        assert store.reads("shared") == 1
        clock.now += 1
        await eventually(
            lambda: references.versions(store.space, [secret("shared")]) != versions, 10, "change"
        )
        assert await fleet(references) == {"new"}

    assert used(store, test, clock) == [("Secret", store.space, "shared")]
    assert store.reads("shared") == 2


def test_reader_gets_what_is_known_at_once_while_it_is_read_again(store: Store) -> None:
    store.secret("stale", "old")
    clock = Clock()

    async def test(references: References) -> None:
        await references.value(store.space, secret("stale"))
        store.account.cluster.plane.stop_apiserver()
        try:
            clock.now += 10 * FRESH - 1
            assert (await references.value(store.space, secret("stale"))).reveal() == "old"
            assert (
                await references.value(store.space, secret("stale"), fresh=True)
            ).reveal() == "old"
            with pytest.raises(KaituError) as caught:
                await references.value(store.space, secret("never-read"))
            assert caught.value.reason is Reason.WAITING_FOR_API
            with pytest.raises(KaituError) as caught:
                await references.secret(store.space, "never-read-key")
            assert caught.value.reason is Reason.OBSERVER_DEGRADED
        finally:
            store.account.cluster.plane.start_apiserver()
        store.secret("stale", "new")
        clock.now += ABSENT
        assert (await references.value(store.space, secret("stale"), fresh=True)).reveal() == "new"

    assert ("Secret", store.space, "stale") in used(store, test, clock)


def test_absent_secret_is_seen_soon_after_it_is_made(store: Store) -> None:
    clock = Clock()

    async def absent(references: References) -> Reason:
        with pytest.raises(KaituError, match="Secret late does not exist") as caught:
            await references.value(store.space, secret("late"))
        return caught.value.reason

    async def test(references: References) -> None:
        assert await absent(references) is Reason.REFERENCE_NOT_FOUND
        with pytest.raises(KaituError) as caught:
            await references.secret(store.space, "late")
        assert caught.value.reason is Reason.KEY_NOT_FOUND
        store.secret("late", "here")
        await absent(references)
        assert store.reads("late") == 1
        clock.now += ABSENT
        assert (await references.value(store.space, secret("late"))).reveal() == "here"

    assert used(store, test, clock) == [("Secret", store.space, "late")]


def test_forbidden_and_unfit_objects_are_named(store: Store) -> None:
    store.secret("unfit", "x", kind="example.com/other")

    async def test(references: References) -> None:
        wanted = {
            (store.space, secret("unfit")): Reason.REFERENCE_INVALID,
            (store.space, Reference("ConfigMap", "none", "k")): Reason.REFERENCE_NOT_FOUND,
            ("default", secret("any")): Reason.REFERENCE_FORBIDDEN,
            (store.space, secret("../../kube-system/secrets/x")): Reason.REFERENCE_NOT_FOUND,
        }
        for (namespace, reference), reason in wanted.items():
            with pytest.raises(KaituError) as caught:
                await references.value(namespace, reference)
            assert caught.value.reason is reason

    assert used(store, test, Clock()) == []


def test_fresh_read_is_made_at_once_and_shared(store: Store) -> None:
    store.secret("asked", "old")

    async def test(references: References) -> None:
        await references.value(store.space, secret("asked"))
        store.secret("asked", "new")
        values = await asyncio.gather(
            *(references.value(store.space, secret("asked"), fresh=True) for _ in range(NODES))
        )
        assert {value.reveal() for value in values} == {"new"}

    assert used(store, test, Clock()) == [("Secret", store.space, "asked")]
    assert store.reads("asked") == 2


def test_fresh_read_does_not_join_one_that_may_have_missed_the_change(store: Store) -> None:
    """The answer to the first question arrives last, and must not undo the second."""
    store.secret("slow", "old")
    answered, let_go = asyncio.Event(), asyncio.Event()

    class Slow(Api):
        async def get(self, path: str, **query: str | int) -> Body:
            answer = await super().get(path, **query)
            if not answered.is_set():
                answered.set()
                await let_go.wait()
            return answer

    async def use() -> list[str]:
        api = await Slow.connect(str(store.account.kubeconfig))
        try:
            references = References(api)
            first = asyncio.create_task(references.value(store.space, secret("slow")))
            await answered.wait()
            store.secret("slow", "new")
            second = await references.value(store.space, secret("slow"), fresh=True)
            let_go.set()
            third = (await first, await references.value(store.space, secret("slow")))
            return [value.reveal() for value in (second, *third)]
        finally:
            await api.close()

    assert asyncio.run(use()) == ["new", "new", "new"]


def test_never_more_than_twenty_reads_in_a_second(store: Store) -> None:
    many, began = 30, 0.0

    async def test(references: References) -> None:
        nonlocal began
        began = time.time()
        reads = [references.value(store.space, secret(f"many-{n}")) for n in range(many)]
        await asyncio.gather(*reads, return_exceptions=True)

    assert used(store, test, time.monotonic) == []
    times = sorted(one.at for one in store.account.asked("/many-", "get"))
    assert len(times) == many
    assert times[20] > began + 1  # how long one is on its way says nothing about the next
    assert times[-1] > began + (many - BURST - 1) / RATE


def test_object_that_nobody_asks_for_is_forgotten(store: Store) -> None:
    store.secret("unused", "old")
    clock = Clock()

    async def test(references: References) -> None:
        await references.value(store.space, secret("unused"))
        clock.now += UNUSED
        await eventually(
            lambda: references.versions(store.space, [secret("unused")]) == [""], 10, "forgetting"
        )

    assert used(store, test, clock) == []
    assert store.reads("unused") == 1


def test_key_and_configmap_come_as_they_are(store: Store) -> None:
    store.secret("ssh", "PRIVATE", kind="kubernetes.io/ssh-auth", key="ssh-privatekey")
    blob = base64.b64encode("ü".encode()).decode()
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files"}}
    store.account.cluster.apply({**body, "data": {"a": "1"}, "binaryData": {"b": blob}})

    async def test(references: References) -> None:
        found = await references.secret(store.space, "ssh")
        assert found["type"] == "kubernetes.io/ssh-auth"
        assert base64.b64decode(found["data"]["ssh-privatekey"]) == b"PRIVATE"
        for key, text in (("a", "1"), ("b", "ü")):
            value = await references.value(store.space, Reference("ConfigMap", "files", key))
            assert value.reveal() == text
        assert "PRIVATE" not in repr(vars(references))
        assert found["data"]["ssh-privatekey"] not in repr(vars(references))

    assert used(store, test, Clock()) == []
