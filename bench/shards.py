"""Three processes that share a fleet of simulated nodes: one is killed, another frozen."""

import asyncio
import json
import signal
import time
from collections import defaultdict

from bench import cpu
from bench.fleet import LONG, Fleet, Namespace, fleet
from bench.say import Say
from bench.scale import NODES, RATE
from bench.setting import Setting
from kaitu.api.crd import path
from kaitu.cluster.api import Api
from kaitu.cluster.tenure import lease_of, shard_of
from lab.operator import Operator
from lab.sim import Applied, address, wanted
from lab.wait import until

COUNT, SAMPLE = 3, 150
"""Processes, and nodes that are edited to see who looks after them."""


def measure(setting: Setting, say: Say) -> None:
    """What a death costs: from it until the nodes of the dead obey another."""
    with fleet(setting, shards=COUNT) as made:
        operators = [made.operator, *(made.start() for _ in range(COUNT - 1))]
        until(lambda: len(_holders(made)) == COUNT, LONG, "a shard for each", pause=1)
        space, before = made.namespace(), made.nodes.total().probes
        space.create(range(NODES), interval=f"{max(1, NODES // RATE)}s")
        made.seen(before + NODES)
        sizes = " and ".join(f"{cpu.rss(one.pid):.0f}" for one in operators)
        say(f"RSS of {COUNT} processes, {NODES} KaituNodes", f"{sizes} MB", "each leads a third")
        for name, number in (("kill -9", signal.SIGKILL), ("SIGSTOP", signal.SIGSTOP)):
            _death(made, space, name, operators.pop(0), number, say)
            operators.append(made.operator)
        _writers(made.nodes.applied(), len(made.nodes.refused()), say)


def _death(
    made: Fleet, space: Namespace, name: str, victim: Operator, number: int, say: Say
) -> None:
    """Its nodes are those whose shard takes longest; then another process takes its place."""
    offset, shards = made.nodes.mark(), _shards(made, space)
    victim.send(number)
    began = time.time()
    space.patch(range(SAMPLE), {"spec": {"sysctl": wanted(name.replace(" ", ""))}})
    until(lambda: len(_reached(made, offset)) == SAMPLE, LONG, f"edits after {name}")
    took: dict[int, float] = defaultdict(float)
    for host, at in _reached(made, offset).items():
        took[shards[host]] = max(took[shards[host]], at - began)
    *others, dead = sorted(took.values())
    how = f"the last of {SAMPLE} edits; {others[-1]:.1f} s where the leader lived; simulated"
    say(f"{name} of one of {COUNT}: its nodes obey another", f"{dead:.1f} s", how)
    if number == signal.SIGSTOP:
        victim.send(signal.SIGCONT)
    victim.child.process.wait(LONG)
    made.start()
    until(lambda: len(_holders(made)) == COUNT, LONG, "a shard for the new one", pause=1)


def _holders(made: Fleet) -> set[str]:
    text = made.plane.kubectl("--namespace", "kaitu-system", "get", "leases", "-o", "json")
    names = set(map(lease_of, range(COUNT)))
    found = [one for one in json.loads(text)["items"] if one["metadata"]["name"] in names]
    return {one["spec"]["holderIdentity"] for one in found} - {""}


def _shards(made: Fleet, space: Namespace) -> dict[str, int]:
    """The shard of each node of the sample, by its address."""

    async def uids() -> dict[str, int]:
        api = await Api.connect(str(made.plane.kubeconfig))
        try:
            known = await api.list_names(path(), [space.name])
        finally:
            await api.close()
        return {
            address(number): shard_of(known[space.name, f"node-{number}"].uid, COUNT)
            for number in range(SAMPLE)
        }

    return asyncio.run(uids())


def _reached(made: Fleet, offset: int) -> dict[str, float]:
    """When each node was first written since then."""
    return {one.address: one.at for one in reversed(made.nodes.applied(offset))}


def _writers(applied: list[Applied], refused: int, say: Say) -> None:
    """A node's fence may rise; that it falls would be a write of who leads no more."""
    last: dict[str, int] = {}
    fallen = 0
    for one in applied:
        fallen += one.counter < last.get(one.address, 0)
        last[one.address] = one.counter
    how = f"of {len(applied)}; {refused} of theirs were refused by nodes"
    say("writes of processes that had been followed", str(fallen), how)
