"""Learned host keys on a real server, with the operator's own rights: written once, or not."""

import asyncio

import pytest

from kaitu.cluster.known_hosts import NAME, KnownHosts
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from lab.cluster import Cluster
from remote.servers import HOST_KEY, OTHER_KEY, public
from rights import Account, connected

ONE, OTHER = public(HOST_KEY), public(OTHER_KEY)
WRITERS = 8


def test_all_who_learn_at_once_are_stored(namespace: Cluster) -> None:
    account = Account.of(namespace)

    async def store(number: int) -> None:
        async with connected(account.kubeconfig) as api:
            await KnownHosts(api).store(namespace.namespace, f"n{number}", ONE, instead_of=None)

    async def use() -> None:
        for first in (0, 3, 6):  # more than three at once would use up the attempts of one
            await asyncio.gather(*map(store, range(first, min(first + 3, WRITERS))))

    asyncio.run(use())
    assert namespace.get("configmap", NAME)["data"] == {f"n{n}": ONE for n in range(WRITERS)}
    codes = {one.code for one in account.asked("/configmaps")}
    assert 409 in codes, "the test is void: nobody raced"


def test_of_two_keys_for_one_node_one_is_stored(namespace: Cluster) -> None:
    async def use() -> list[object]:
        async with connected(namespace.kubeconfig) as api, connected(namespace.kubeconfig) as two:
            both = [
                KnownHosts(api).store(namespace.namespace, "n", ONE, instead_of=None),
                KnownHosts(two).store(namespace.namespace, "n", OTHER, instead_of=None),
            ]
            return await asyncio.gather(*both, return_exceptions=True)

    (refused,) = filter(None, asyncio.run(use()))
    assert isinstance(refused, KaituError)
    assert refused.reason is Reason.KNOWN_HOSTS_FAILED
    assert namespace.get("configmap", NAME)["data"]["n"] in {ONE, OTHER}


def test_a_key_is_replaced_only_as_it_was_known(namespace: Cluster) -> None:
    account = Account.of(namespace)

    async def use() -> None:
        async with connected(account.kubeconfig) as api:
            hosts = KnownHosts(api)
            assert await hosts.key(namespace.namespace, "n") is None
            await hosts.store(namespace.namespace, "n", ONE, instead_of=None)
            assert await hosts.key(namespace.namespace, "n") == ONE
            with pytest.raises(KaituError, match="changed meanwhile"):
                await hosts.store(namespace.namespace, "n", OTHER, instead_of=None)
            await hosts.store(namespace.namespace, "n", OTHER, instead_of=ONE)
            assert await KnownHosts(api).key(namespace.namespace, "n") == OTHER

    asyncio.run(use())
    assert {one.code for one in account.asked("/configmaps", "patch")} == {200}


def test_what_a_person_changes_is_seen_when_asked_for(namespace: Cluster) -> None:
    async def use() -> None:
        async with connected(namespace.kubeconfig) as api:
            hosts = KnownHosts(api)
            await hosts.store(namespace.namespace, "n", ONE, instead_of=None)
            namespace.kubectl("patch", "configmap", NAME, "-p", '{"data":{"n":null}}')
            assert await hosts.key(namespace.namespace, "n") == ONE
            assert await hosts.key(namespace.namespace, "n", fresh=True) is None
            namespace.kubectl("patch", "configmap", NAME, "-p", '{"data":{"n":"nonsense"}}')
            with pytest.raises(KaituError, match="n is no public key"):
                await hosts.key(namespace.namespace, "n", fresh=True)

    asyncio.run(use())


def test_a_role_without_the_right_is_said(namespace: Cluster) -> None:
    stranger = namespace.plane.kubeconfig_for(f"stranger-{namespace.namespace}")

    async def use() -> None:
        async with connected(stranger) as api:
            with pytest.raises(KaituError, match="forbidden") as caught:
                await KnownHosts(api).key(namespace.namespace, "n")
            assert caught.value.reason is Reason.KNOWN_HOSTS_FAILED

    asyncio.run(use())
