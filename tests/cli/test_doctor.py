"""What doctor makes of Leases and of what the nodes say."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cli.nodes import NOW, SICK, node, said
from kaitu.cli.kube.findings import Level, nodes, operators, unled
from kaitu.cli.kube.versions import Held
from kaitu.core.version import PROGRAM


def lease(namespace: str, watches: str, version: str = PROGRAM) -> Held:
    return Held(namespace, f"pod-{namespace}", NOW - timedelta(seconds=3), watches, version)


A, B = lease("a", "*"), lease("b", "x,y")


@pytest.mark.parametrize(
    ("known", "alive", "namespace", "bad"),
    [
        ([A], [A], "x", []),
        ([B], [B], "x", []),
        ([B], [B], "z", ["no operator watches namespace z"]),
        ([B], [B], "", []),
        ([B], [B], "x z y", ["no operator watches namespace z"]),
        ([], [], "x", ["no operator has ever led"]),
        ([A], [], "x", ["no operator renews its Lease in a"]),
        ([A, B], [A, B], "x", ["two operators, in a and b"]),
        ([B, lease("c", "z")], [B, lease("c", "z")], "x", []),
        ([B, lease("c", "y")], [B, lease("c", "y")], "x", ["two operators, in b and c"]),
        ([lease("old", "")], [lease("old", "")], "x", []),
    ],
)
def test_who_looks(known: list[Held], alive: list[Held], namespace: str, bad: list[str]) -> None:
    found = list(operators(known, alive, namespace.split()))
    wrong = [one for one in found if one.level is Level.BAD]
    assert [one.message.startswith(text) for one, text in zip(wrong, bad, strict=True)] == [
        True
    ] * len(bad)
    assert all(one.mend for one in wrong)


def test_another_version_is_told() -> None:
    other = lease("a", "*", "9.9")
    assert any("it is 9.9" in one.message for one in operators([other], [other], []))


def test_nodes_are_counted_by_reason_with_what_to_do() -> None:
    paused = node("p", said("Ready", "Unknown", "Suspended"))
    found = {one.message: one for one in nodes([node(), SICK, paused])}
    assert found["1 of 3 are Ready"].level is Level.OK
    assert found["1 GateFailed: fleet/sick"].level is Level.BAD
    assert "correct the release" in found["1 GateFailed: fleet/sick"].mend
    assert found["1 Suspended: fleet/p"].level is Level.NOTE


def test_a_verdict_about_an_older_spec_is_none() -> None:
    edited = node("e")
    edited["metadata"]["generation"] += 1
    found = list(nodes([edited]))
    assert [one.message for one in found] == ["1 not looked at since the last edit: fleet/e"]
    assert found[0].level is Level.NOTE
    assert "interval" in found[0].mend


def test_shards_that_nobody_leads_are_named() -> None:
    (found,) = unled(replace(A, shards=3), [1, 2])

    assert found.level is Level.BAD
    assert found.message == "in a nobody leads shard 1, 2 of 3"
    assert not list(unled(A, []))
