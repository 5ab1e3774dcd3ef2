"""Several nodes in one run: the engine's visits on toy machines, one after the other, braked."""

import asyncio
import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from engine.toy import Machine, Number, aspect, desired
from kaitu.api.policy import Policy
from kaitu.cli import run as runs
from kaitu.cli.manifests import Manifests, gather
from kaitu.cli.node import Reach
from kaitu.cli.run import Run
from kaitu.cli.show import Progress
from kaitu.cli.state import Installation
from kaitu.cli.verdict import DIFFERS, IN_SYNC, TROUBLE, Told
from kaitu.core.errors import KaituError
from kaitu.core.plan import Disrupts
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.engine.look import manage
from kaitu.engine.visit import visit
from kaitu.remote.pool import Pool

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHzsUTxBg4PWMGyiqFzGBqTrD7Aq/fRYnVa5PtBKP0fm"
MOVE = aspect(disrupts=Disrupts.SERVICES, release="r1")
HELD = replace(MOVE, report=lambda _, number: {"held": "r1"} if number < 0 else {})


def manifests(*names: str, **spec: Any) -> Manifests:
    connection = {"host": "203.0.113.7", "privateKeySecretRef": {"name": "k"}, "hostKeys": [KEY]}
    return gather(
        (
            "test",
            {
                "apiVersion": "fleet.kaitu.io/v1alpha1",
                "kind": "KaituNode",
                "metadata": {"name": name},
                "spec": {"connection": connection, **spec},
            },
        )
        for name in names
    )


def applied(
    monkeypatch: pytest.MonkeyPatch,
    machines: dict[str, Machine],
    found: Manifests,
    what: Any = MOVE,
) -> tuple[list[Told], str]:
    """The end of each node, and what was said meanwhile."""

    async def call(_: Any, prepared: Any, ours: Any) -> Any:
        machine = machines[prepared.key[1]]
        if machine.fails is Reason.DIAL_TIMEOUT:
            raise KaituError(machine.fails, "no answer")
        want = desired(number=Number())
        return await visit(manage([what], want), want, machine, ours)

    async def at_once(_: float) -> None:
        pass

    monkeypatch.setattr(runs, "call", call)
    monkeypatch.setattr("asyncio.sleep", at_once)
    out = io.StringIO()
    run = Run(
        found,
        Reach(Pool(), Policy()),
        Installation("inst", 1),
        Progress(Console(file=out, soft_wrap=True)),
        Secret("no key is used here"),
    )
    told = asyncio.run(runs.apply(run, list(found.nodes)))
    return told, out.getvalue()


def fresh(number: int = 0, **more: Any) -> Machine:
    return Machine({"number": number}, owner="-", **more)


def test_all_are_brought_to_order(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = {"a": fresh(), "b": fresh()}
    told, said = applied(monkeypatch, machines, manifests("a", "b"))
    assert [one.code for one in told] == [IN_SYNC, IN_SYNC]
    assert [one.owner for one in machines.values()] == ["inst\tdefault/a", "inst\tdefault/b"]
    assert said.splitlines()[-3:] == [
        "b: set number: 0 -> 1",
        "b: done: set number: 0 -> 1",
        "b: in sync",
    ]


def test_a_release_that_is_held_on_one_node_is_not_started_on_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machines = {"a": fresh(-1), "b": fresh()}
    machines["a"].stubborn = True
    told, said = applied(monkeypatch, machines, manifests("a", "b"), HELD)
    assert "HeldElsewhere: this release is held on node a" in said
    assert (told[1].code, machines["b"].wrote[1:]) == (DIFFERS, [])


def test_a_node_that_may_be_half_changed_keeps_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = {"a": fresh(), "b": fresh()}
    machines["a"].owner = "inst\tdefault/a"
    machines["a"].fails = Reason.OUTCOME_UNKNOWN
    told, said = applied(monkeypatch, machines, manifests("a", "b"))
    assert "WaitingForSlot" in said
    assert [one.code for one in told] == [TROUBLE, DIFFERS]
    assert machines["b"].scripts == ["claim"]


def test_a_node_that_is_not_reached_blocks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    machines = {"a": fresh(fails=Reason.DIAL_TIMEOUT), "b": fresh()}
    told, _ = applied(monkeypatch, machines, manifests("a", "b"))
    assert [one.code for one in told] == [TROUBLE, IN_SYNC]


def test_a_suspended_node_is_not_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    told, said = applied(monkeypatch, {}, manifests("a", suspend=True))
    assert (told[0].code, told[0].suspended) == (IN_SYNC, True)
    assert said == "a: suspended, not visited\n"
