"""Several processes that share a fleet: each leads a part, whoever dies is followed, and no node
is ever written by two. The nodes are simulated, and refuse a lower fence as real ones do.
"""

import itertools
import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from kaitu.cluster.tenure import shard_of
from lab.cluster import Cluster
from lab.controlplane import ControlPlane
from lab.fleet import Seen, key_secret
from lab.operator import Operator
from lab.run import Lab
from lab.sim import POLICY, Applied, Simulated, wanted
from lab.wait import until

COUNT = 3
NODES = 60
LONG = 240
TAKEOVER = 30
"""Seconds from the death of a process until its nodes are written by another."""
NUMBERS = itertools.count(1)


@dataclass
class Shared:
    """Nodes in a namespace, and the processes over them."""

    cluster: Cluster
    nodes: Simulated
    plane: ControlPlane
    lab: Lab
    ending: ExitStack
    operators: list[Operator] = field(default_factory=list)

    def start(self) -> Operator:
        policy = self.lab.state / "shards-policy.yaml"
        policy.write_text(POLICY)
        log = self.lab.state / f"operator-shards-{next(NUMBERS)}.log"
        words = ("--namespace", self.cluster.namespace, "--policy", str(policy))
        shards = ("--shards", str(COUNT))
        operator = Operator.start(self.plane, log, *words, *shards, level="INFO")
        self.ending.callback(operator.stop)
        self.operators.append(operator)
        return operator

    def led(self) -> list[int]:
        """How many shards each process leads; none of a process that has ended."""
        return [led(one) for one in self.operators if one.child.process.poll() is None]

    def edit(self, value: str) -> float:
        """Give every node another file; when the first was asked for."""
        began = time.time()
        spec = json.dumps({"spec": {"sysctl": wanted(value)}})
        names = [f"kaitunode/n-{number}" for number in range(NODES)]
        self.cluster.kubectl("patch", *names, "--type", "merge", "-p", spec)
        return began

    def reached(self, value: str, offset: int) -> bool:
        told = {one.address for one in self.nodes.applied(offset) if one.value == value}
        return len(told) == NODES

    def all_ready(self) -> bool:
        items = json.loads(self.cluster.kubectl("get", "kaitunodes", "-o", "json"))["items"]
        return sum(Seen(one).ready for one in items) == NODES

    def shares(self) -> dict[int, set[str]]:
        """The nodes of each shard, by address."""
        found: dict[int, set[str]] = {shard: set() for shard in range(COUNT)}
        items = json.loads(self.cluster.kubectl("get", "kaitunodes", "-o", "json"))["items"]
        for one in items:
            shard = shard_of(one["metadata"]["uid"], COUNT)
            found[shard].add(one["spec"]["connection"]["host"])
        return found


def figure(operator: Operator, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", operator.get("/metrics", 30), re.MULTILINE)
    return float(found[1]) if found else 0.0


def led(operator: Operator) -> int:
    return int(figure(operator, "kaitu_shards_led"))


@pytest.fixture(scope="module")
def shared(lab: Lab, plane: ControlPlane) -> Iterator[Shared]:
    with ExitStack() as ending:
        nodes = Simulated.start(lab.state, lab.keys)
        ending.callback(nodes.stop)
        made = Shared(Cluster.fresh(plane, "shards"), nodes, plane, lab, ending)
        made.cluster.apply(key_secret(lab.keys.private))
        made.cluster.apply(
            *(nodes.kaitu_node(f"n-{number}", number, interval="10s") for number in range(NODES))
        )
        for _ in range(COUNT):
            made.start()
        until(lambda: made.led() == [1] * COUNT, LONG, "a shard for each", pause=1)
        yield made


def never_by_two(applied: list[Applied]) -> None:
    """To a node each write came from who led it last: its fence never went back, and one fence
    was never that of two processes.
    """
    for host in {one.address for one in applied}:
        ours = [one for one in applied if one.address == host]
        assert [one.counter for one in ours] == sorted(one.counter for one in ours)
    assert len({(one.counter, one.process) for one in applied}) == len(
        {one.counter for one in applied}
    )


def test_each_process_looks_after_its_own_part(shared: Shared) -> None:
    until(shared.all_ready, LONG, "ready nodes", pause=1)
    shares = shared.shares()

    known = sorted(figure(one, "kaitu_nodes") for one in shared.operators)
    assert known == sorted(len(nodes) for nodes in shares.values())
    offset = shared.nodes.mark()
    shared.edit("each")
    until(lambda: shared.reached("each", offset), LONG, "edits")
    by = {one.address: one.process for one in shared.nodes.applied(offset)}
    for nodes in shares.values():
        assert len({by[host] for host in nodes}) == 1
    assert len(set(by.values())) == COUNT


def test_a_killed_process_is_followed_and_its_successor_given_a_part(shared: Shared) -> None:
    until(lambda: sorted(shared.led()) == [1] * COUNT, LONG, "a shard for each", pause=1)
    offset = shared.nodes.mark()
    shared.operators[0].kill()
    began = shared.edit("killed")

    until(lambda: shared.reached("killed", offset), LONG, "edits")
    took = max(one.at for one in shared.nodes.applied(offset)) - began
    assert took < TAKEOVER
    assert sorted(shared.led()) == [1, 2]

    shared.start()
    until(lambda: sorted(shared.led()) == [1] * COUNT, LONG, "a shard for the new one", pause=1)
    offset = shared.nodes.mark()
    shared.edit("balanced")
    until(lambda: shared.reached("balanced", offset), LONG, "edits")
    assert len({one.process for one in shared.nodes.applied(offset)}) == COUNT
    never_by_two(shared.nodes.applied())


def test_a_frozen_process_is_followed_and_writes_nothing_when_it_wakes(shared: Shared) -> None:
    until(lambda: sorted(shared.led()) == [1] * COUNT, LONG, "a shard for each", pause=1)
    frozen = shared.operators[-1]
    offset = shared.nodes.mark()
    others = [one for one in shared.operators[:-1] if one.child.process.poll() is None]
    shared.edit("before")
    frozen.send(signal.SIGSTOP)
    try:
        until(lambda: sum(map(led, others)) == COUNT, LONG, "takeover", pause=0.5)
        shared.edit("frozen")
        until(lambda: shared.reached("frozen", offset), LONG, "edits")
    finally:
        frozen.send(signal.SIGCONT)
    until(lambda: frozen.child.process.poll() is not None, LONG, "its end")

    assert frozen.child.process.returncode == 1
    never_by_two(shared.nodes.applied())


def test_a_process_that_knows_another_number_takes_nothing(shared: Shared) -> None:
    """It waits until nobody works with the number that is in force."""
    log = shared.lab.state / "operator-unsharded.log"
    policy = shared.lab.state / "shards-policy.yaml"
    words = ("--namespace", shared.cluster.namespace, "--policy", str(policy))
    alone = Operator.start(shared.plane, log, *words, level="INFO")
    shared.ending.callback(alone.stop)
    until(lambda: "this process with 1" in alone.log, LONG, "what it says")
    living = [one for one in shared.operators if one.child.process.poll() is None]
    for one in living[:-1]:
        one.stop()
    until(lambda: led(living[-1]) == COUNT, LONG, "all with the last")
    assert not alone.leads()
    assert living[-1].stop() == 0

    until(alone.leads, LONG, "its turn")
    offset = shared.nodes.mark()
    shared.edit("alone")
    until(lambda: shared.reached("alone", offset), LONG, "edits")
    never_by_two(shared.nodes.applied())
