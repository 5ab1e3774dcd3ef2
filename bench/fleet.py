"""A fleet for the rows of scale: real KaituNodes on a real API server, simulated nodes.

The nodes speak real SSH and the real frame, from a process of their own (``lab.simnode``), whose
CPU is not counted; but it, the API server and the operator share the machine.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.setting import Setting
from kaitu.api.crd import path
from kaitu.cluster.api import Api
from lab.cluster import Cluster, install_crds
from lab.controlplane import ControlPlane
from lab.fleet import key_secret
from lab.operator import Operator
from lab.sim import POLICY, Simulated
from lab.wait import until

AT_ONCE = 16
LONG = 600  # seconds: what takes longer has failed
One = Callable[[Api, Any], Awaitable[Any]]


@dataclass
class Fleet:
    """A control plane, simulated nodes and an operator of these rows' own."""

    plane: ControlPlane
    nodes: Simulated
    key: str
    ending: ExitStack
    shards: int
    operator: Operator = field(init=False)

    def start(self) -> Operator:
        """An operator process; ``operator``, the newest, is the one that rows ask."""
        policy = self.plane.state / "policy.yaml"
        policy.write_text(POLICY)
        words = ("--all-namespaces", "--policy", str(policy), "--shards", str(self.shards))
        log = self.plane.state / f"operator-{time.monotonic_ns()}.log"
        self.operator = Operator.start(self.plane, log, *words, level="WARNING")
        self.ending.callback(self.operator.stop)
        return self.operator

    def namespace(self) -> "Namespace":
        cluster = Cluster.fresh(self.plane, "scale")
        cluster.apply(key_secret(self.key))
        return Namespace(self, cluster.namespace)

    def seen(self, probes: int) -> float:
        """Wait until nodes have answered so many in all; when that was, Unix time."""

        def answered() -> float:
            total = self.nodes.total()
            return total.at if total.probes >= probes else 0.0

        return until(answered, LONG, f"{probes} probes", pause=0.2)

    def figure(self, name: str) -> float:
        """A gauge of the operator: it costs as much as a hundred visits to ask for it."""
        rows = self.operator.get("/metrics", 60).splitlines()
        return next((float(row.split()[1]) for row in rows if row.startswith(f"{name} ")), 0.0)

    def ask(self, one: One, things: Iterable[Any]) -> None:
        """Without the minutes that kubectl would take."""
        asyncio.run(_all(str(self.plane.kubeconfig), one, iter(things)))


@dataclass(frozen=True)
class Namespace:
    """The KaituNodes of one namespace, each with the number of its node in its name."""

    fleet: Fleet
    name: str

    def path(self, number: int) -> str:
        return path(self.name, f"node-{number}")

    def create(self, numbers: Iterable[int], **spec: Any) -> None:
        made = (self.fleet.nodes.kaitu_node(f"node-{n}", n, **spec) for n in numbers)
        self.fleet.ask(lambda api, body: api.create(path(self.name), body), made)

    def patch(self, numbers: Iterable[int], body: dict[str, Any]) -> None:
        self.fleet.ask(lambda api, number: api.patch(self.path(number), body), numbers)

    def delete(self, numbers: Iterable[int]) -> None:
        """All of them, and the operator has forgotten them."""
        self.fleet.ask(lambda api, number: api.delete(self.path(number)), numbers)
        gone = partial(self.fleet.figure, "kaitu_nodes")
        until(lambda: not gone(), LONG, "end of what was deleted", pause=1)


async def _all(kubeconfig: str, one: One, things: Iterator[Any]) -> None:
    api = await Api.connect(kubeconfig)

    async def work() -> None:
        for thing in things:
            await one(api, thing)

    try:
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    finally:
        await api.close()


@contextmanager
def fleet(setting: Setting, delay: float = 0, shards: int = 1) -> Iterator[Fleet]:
    """``delay`` is the round trip to every node, in seconds."""
    lab = setting.lab
    with ExitStack() as ending:
        plane = ControlPlane.start(lab.state / f"scale-{time.monotonic_ns()}")
        ending.callback(plane.stop)
        install_crds(plane)
        nodes = Simulated.start(lab.state, lab.keys, delay)
        ending.callback(nodes.stop)
        made = Fleet(plane, nodes, lab.keys.private, ending, shards)
        made.start()
        yield made
