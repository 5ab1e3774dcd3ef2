"""The installation's ConfigMap on a real server: one id, and a fence that only rises."""

import asyncio

import pytest

from kaitu.cluster.api import ApiError
from kaitu.cluster.installation import NAME, Installation
from lab.cluster import Cluster
from rights import Account, connected

LEADERS = 8


def test_all_who_start_at_once_get_one_id_and_each_a_fence_of_its_own(namespace: Cluster) -> None:
    account = Account.of(namespace)

    async def start() -> tuple[str, int]:
        async with connected(account.kubeconfig) as api:
            ours = Installation(api, namespace.namespace)
            return await ours.id(), await ours.raise_fence()

    async def use() -> list[tuple[str, int]]:
        return await asyncio.gather(*(start() for _ in range(LEADERS)))

    found = asyncio.run(use())
    assert {one for one, _ in found} == {namespace.get("configmap", NAME)["metadata"]["uid"]}
    assert sorted(fence for _, fence in found) == list(range(1, LEADERS + 1))
    codes = {one.code for one in account.asked(f"/configmaps/{NAME}", "update")}
    assert codes == {200, 409}, "the test is void: nobody raced"


def test_fence_goes_on_after_a_restart_and_keeps_what_else_is_there(namespace: Cluster) -> None:
    async def once() -> tuple[str, int]:
        async with connected(namespace.kubeconfig) as api:
            ours = Installation(api, namespace.namespace)
            return await ours.id(), await ours.raise_fence()

    first = asyncio.run(once())
    namespace.kubectl("patch", "configmap", NAME, "-p", '{"data":{"note":"mine"}}')
    assert asyncio.run(once()) == (first[0], 2)
    assert namespace.get("configmap", NAME)["data"] == {"fence": "2", "note": "mine"}


def test_new_configmap_is_a_new_installation(namespace: Cluster) -> None:
    async def identify() -> str:
        async with connected(namespace.kubeconfig) as api:
            return await Installation(api, namespace.namespace).id()

    first = asyncio.run(identify())
    namespace.kubectl("delete", "configmap", NAME)
    assert asyncio.run(identify()) != first


def test_damaged_fence_is_said_and_never_starts_again(namespace: Cluster) -> None:
    async def damage() -> None:
        async with connected(namespace.kubeconfig) as api:
            ours = Installation(api, namespace.namespace)
            await ours.raise_fence()
            for text in ("", "-1", "1.5", "two"):
                patch = f'{{"data":{{"fence":"{text}"}}}}'
                namespace.kubectl("patch", "configmap", NAME, "-p", patch)
                with pytest.raises(ApiError, match="set it to the highest"):
                    await ours.raise_fence()

    asyncio.run(damage())
