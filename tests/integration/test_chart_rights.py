"""Granted is used: an operator with the chart's own rights does all of its work.

A right that it did not use fails the test, and so does a request that was denied.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest

from integration.releases import OWNERSHIP, Release, released
from kaitu.cluster import slots, tenure
from kaitu.cluster.api import ApiError
from lab import fleet
from lab.audit import Access, accesses, denied, mark
from lab.chart import Values
from lab.cluster import Cluster
from lab.grants import Grant, grants, unused
from lab.node import Node
from lab.operator import Operator
from lab.run import Lab
from lab.wait import TooLate, until
from rights import connected

CC = "net.ipv4.tcp_congestion_control"
FIRST, SECOND = "vps", "twin"
OF_SHARDS = {slots.NAME, tenure.WAITING, *map(tenure.lease_of, range(1, tenure.MOST_SHARDS))}
"""While the number of shards changes, pods of both numbers need theirs: no value narrows these."""


@contextmanager
def running(lab: Lab, release: Release) -> Iterator[Operator]:
    """The operator's process as the Deployment asks for it, with a token of its ServiceAccount."""
    cluster = release.cluster
    container = release.find("Deployment")["spec"]["template"]["spec"]["containers"][0]
    where = [word for word in container["args"] if "namespace" in word]
    policy = lab.state / f"policy-{cluster.namespace}.yaml"
    policy.write_text(release.find("ConfigMap", "-policy")["data"]["policy.yaml"])
    operator = Operator.start(
        lab.control_plane,
        lab.state / f"operator-{cluster.namespace}.log",
        *where, "--policy", str(policy), "--lease-namespace", cluster.namespace,
        kubeconfig=lab.control_plane.kubeconfig_of_account(cluster.namespace, release.name),
    )  # fmt: skip
    try:
        until(operator.leads, 60, "leader")
        yield operator
    finally:
        operator.stop()


def resource(name: str, node: Node) -> Values:
    """With a host key that is learned, and a finalizer."""
    settings = [{"name": CC, "value": "bbr"}]
    made = fleet.kaitu_node(name, node, sysctl={"settings": settings}, deletionPolicy="Release")
    del made["spec"]["connection"]["hostKeys"]
    made["spec"]["connection"]["hostKeyPolicy"] = "TrustOnFirstUse"
    return made


def work(fleet_of: Cluster, node: Node, user: str, offset: int) -> None:
    """Nodes come, are visited, are edited while their status is written, and go."""
    fleet_of.apply(fleet.key_secret(node.keys.private), resource(FIRST, node))
    fleet.wait_ready(fleet_of, FIRST)
    fleet_of.apply(resource(SECOND, node))
    fleet.wait(fleet_of, SECOND, lambda s: s.says("InSync", "False", "OwnedByAnother"), 90, "twin")
    asyncio.run(collide(fleet_of, user, offset))
    fleet_of.kubectl("delete", "kaitunode", FIRST, SECOND, "--timeout=120s")


async def collide(fleet_of: Cluster, user: str, offset: int) -> None:
    """Edit until a status was written on an older state, and the operator read the newest."""
    path = f"/apis/{fleet.API}/namespaces/{fleet_of.namespace}/kaitunodes/{FIRST}"
    async with connected(fleet_of.kubeconfig) as api:
        for turn in range(100):
            await api.patch(path, {"spec": {"interval": f"{2 + turn % 2}s"}})
            for number in range(200):
                with suppress(ApiError):
                    annotations = {"example.com/edit": f"{turn}.{number}"}
                    await api.patch(path, {"metadata": {"annotations": annotations}})
            if any(
                (one.verb, one.resource) == ("get", "kaitunodes")
                for one in accesses(fleet_of.plane, offset, user)
            ):
                return
    raise TooLate("no status was written while the object was edited")


def judge(release: Release, offset: int) -> tuple[set[Grant], set[Access]]:
    """The rights that nobody used, and the requests that were refused."""
    found = accesses(release.cluster.plane, offset, user_of(release))
    granted = {one for one in grants(release.manifest, release.name) if one.name not in OF_SHARDS}
    return unused(granted, found), denied(found)


def user_of(release: Release) -> str:
    return f"system:serviceaccount:{release.cluster.namespace}:{release.name}"


@pytest.mark.parametrize("namespaced", [False, True], ids=["cluster-wide", "namespaced"])
def test_granted_is_used(namespaced, lab, plane, node):
    home, fleet_of = Cluster.fresh(plane), Cluster.fresh(plane)
    values: Values = {"watch": {"namespaces": [fleet_of.namespace] if namespaced else []}}
    offset = mark(plane)
    with released(home, values, OWNERSHIP) as release:
        with running(lab, release):
            work(fleet_of, node, user_of(release), offset)
        assert judge(release, offset) == (set(), set())


USED = Access("a", "", "secrets", "key", "get")
GRANT = Grant("a", "", "secrets", "", "get")


@pytest.mark.parametrize(
    ("grant", "is_unused"),
    [
        (GRANT, False),
        (replace(GRANT, namespace=""), False),
        (replace(GRANT, name="key"), False),
        (replace(GRANT, namespace="b"), True),
        (replace(GRANT, name="other"), True),
        (replace(GRANT, verb="list"), True),
        (replace(GRANT, group="apps"), True),
        (replace(GRANT, resource="secrets/status"), True),
    ],
)
def test_a_right_that_nobody_used_is_found(grant, is_unused):
    assert unused([grant], [USED]) == ({grant} if is_unused else set())
    assert unused([grant], [replace(USED, allowed=False)]) == {grant}


def test_a_refusal_is_found():
    refused = replace(USED, verb="list", allowed=False)

    assert denied({USED, refused}) == {refused}
    assert denied({USED, replace(USED, allowed=False)}) == set()
