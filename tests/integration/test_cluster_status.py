"""The status writer against a real server: one patch where something changed, for this object."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from kaitu.api.crd import GROUP, KIND, PLURAL, VERSION
from kaitu.cluster.api import Api, Conflict, Invalid
from kaitu.cluster.status import ATTEMPTS, write
from lab.cluster import Cluster
from rights import Account, connected
from specs import good


@dataclass(frozen=True)
class Seen:
    """A KaituNode as the informer would have it."""

    namespace: str
    name: str
    uid: str
    version: str
    status: Mapping[str, Any]


@pytest.fixture(scope="module")
def account(cluster: Cluster) -> Account:
    return Account.of(cluster)


def made(cluster: Cluster, name: str) -> Seen:
    """A new KaituNode."""
    body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": {"name": name}}
    cluster.apply({**body, "spec": good()})
    return seen(cluster.get(PLURAL, name))


def seen(body: dict[str, Any]) -> Seen:
    meta = body["metadata"]
    return Seen(
        meta["namespace"],
        meta["name"],
        meta["uid"],
        meta["resourceVersion"],
        body.get("status") or {},
    )


def condition(name: str, status: str = "True") -> dict[str, Any]:
    return {
        "type": name,
        "status": status,
        "reason": "Connected",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


FULL = {
    "observedGeneration": 1,
    "conditions": [condition("Ready"), condition("Reachable")],
    "facts": {"os": "Debian", "cpus": 2},
    "handled": {"requestedAt": "now"},
    "lastVisitTime": "2026-01-01T00:00:00Z",
}


def put(account: Account, known: Seen, status: Mapping[str, Any]) -> dict[str, Any] | None:
    async def use() -> dict[str, Any] | None:
        async with connected(account.kubeconfig) as api:
            return await write(api, known, status)

    return asyncio.run(use())


def patches(account: Account, known: Seen) -> list[int]:
    return [one.code for one in account.asked(f"/{known.name}/status", "patch")]


def test_what_was_written_needs_no_second_write(account: Account) -> None:
    known = made(account.cluster, "same")
    written = put(account, known, FULL)
    assert written
    assert written["status"] == FULL
    assert put(account, seen(written), FULL) is None
    assert patches(account, known) == [200]


def test_lists_are_replaced_and_what_is_left_out_is_removed(account: Account) -> None:
    known = made(account.cluster, "less")
    full = put(account, known, FULL)
    assert full
    less = {
        "observedGeneration": 1,
        "conditions": [condition("Ready", "False")],
        "facts": {"cpus": 4},
    }
    written = put(account, seen(full), less)
    assert written
    assert written["status"] == less


def test_conflict_is_written_again_on_the_newest(account: Account) -> None:
    known = made(account.cluster, "moved")
    account.cluster.kubectl("label", PLURAL, "moved", "team=blue")
    written = put(account, known, FULL)
    assert written
    assert written["status"] == FULL
    assert written["metadata"]["labels"] == {"team": "blue"}
    assert patches(account, known) == [409, 200]


def test_conflict_with_the_same_outcome_is_not_written_again(account: Account) -> None:
    known = made(account.cluster, "twice")
    assert put(account, known, FULL)
    assert put(account, known, FULL) is None
    assert patches(account, known) == [200, 409]


def test_namesake_and_vanished_object_get_nothing(account: Account) -> None:
    known = made(account.cluster, "reborn")
    account.cluster.kubectl("delete", PLURAL, "reborn")
    assert put(account, known, FULL) is None
    reborn = made(account.cluster, "reborn")
    assert put(account, known, FULL) is None
    assert seen(account.cluster.get(PLURAL, "reborn")) == reborn
    assert patches(account, known) == [404, 409]


def test_endless_conflicts_end(account: Account) -> None:
    """Another writer is faster each time: the error says so after five tries."""
    known = made(account.cluster, "busy")
    path = f"/apis/{GROUP}/{VERSION}/namespaces/{known.namespace}/{PLURAL}/{known.name}"

    class Raced(Api):
        """Between each read and the patch that follows, somebody else writes."""

        async def patch(self, at: str, body: Mapping[str, Any]) -> dict[str, Any]:
            await super().patch(path, {"metadata": {"labels": {"n": str(id(body))}}})
            return await super().patch(at, body)

    async def use() -> None:
        api = await Raced.connect(str(account.kubeconfig))
        try:
            with pytest.raises(Conflict):
                await write(api, known, FULL)
        finally:
            await api.close()

    asyncio.run(use())
    assert patches(account, known) == [409] * ATTEMPTS


def test_status_that_the_schema_refuses_is_said(account: Account) -> None:
    known = made(account.cluster, "wrong")
    with pytest.raises(Invalid, match=r"status\.facts\.cpus"):
        put(account, known, {**FULL, "facts": {"cpus": "many"}})
