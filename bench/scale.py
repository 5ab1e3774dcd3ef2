"""How cost grows with the fleet: real KaituNodes on a real API server, simulated nodes.

The nodes run in processes of their own, whose CPU is not counted; they speak real SSH and the real
frame (``lab.simnode``). KAITU_BENCH_NODES says how large the largest fleet is.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from bench import cpu
from bench.say import Say
from bench.setting import Setting
from kaitu.api.annotations import REQUESTED_AT
from kaitu.api.crd import path
from kaitu.cluster.api import Api
from lab.audit import mark, writes
from lab.cluster import Cluster, install_crds
from lab.controlplane import ControlPlane
from lab.fleet import key_secret
from lab.operator import Operator
from lab.sim import POLICY, Simulated, address, wanted
from lab.wait import until

NODES = int(os.environ.get("KAITU_BENCH_NODES", "2000"))
SIZES = {10: "1s", 100: "4s", 1000: "20s", NODES: f"{max(NODES // 25, 20)}s"}
"""How many nodes, and an interval at which one core has room for all of them."""
WINDOW, RESTART = 15, 30
EDITS, EDIT_EVERY = 100, 0.15
AT_ONCE = 16
FAR, ROUND_TRIP = 1000, 0.08
CHURNS, CHURNED = 5, 300
LONG = 240


@dataclass
class Scale:
    """A control plane and an operator of these rows' own."""

    setting: Setting
    plane: ControlPlane
    nodes: Simulated
    ending: ExitStack
    operator: Operator = field(init=False)

    def start(self) -> None:
        policy = self.plane.state / "policy.yaml"
        policy.write_text(POLICY)
        log = self.plane.state / "operator.log"
        words = ("--all-namespaces", "--policy", str(policy))
        self.operator = Operator.start(self.plane, log, *words, level="WARNING")
        self.ending.callback(self.operator.stop)

    def fresh(self) -> Cluster:
        cluster = Cluster.fresh(self.plane, "scale")
        cluster.apply(key_secret(self.setting.lab.keys.private))
        return cluster

    def create(self, cluster: Cluster, numbers: Iterable[int], **spec: Any) -> None:
        """Without the minutes that kubectl would take."""
        made = (self.nodes.kaitu_node(f"node-{n}", n, **spec) for n in numbers)
        self.ask(lambda api, body: api.create(path(cluster.namespace), body), made)

    def delete(self, cluster: Cluster, numbers: Iterable[int]) -> None:
        self.ask(lambda api, n: api.delete(path(cluster.namespace, f"node-{n}")), numbers)

    def patch(self, cluster: Cluster, numbers: Iterable[int], body: dict[str, Any]) -> None:
        self.ask(lambda api, n: api.patch(path(cluster.namespace, f"node-{n}"), body), numbers)

    def ask(self, one: Callable[[Api, Any], Awaitable[Any]], things: Iterable[Any]) -> None:
        asyncio.run(_all(str(self.plane.kubeconfig), one, iter(things)))

    def visited(self, count: int) -> float:
        """Wait until that many probes were answered in all; when that was, Unix time."""
        until(lambda: self.nodes.total().probes >= count, LONG, f"{count} probes", pause=0.2)
        return self.nodes.total().at

    @property
    def probes(self) -> int:
        return self.nodes.total().probes


async def _all(kubeconfig: str, one: Callable[[Api, Any], Awaitable[Any]], things: Any) -> None:
    api = await Api.connect(kubeconfig)

    async def work() -> None:
        for thing in things:
            await one(api, thing)

    try:
        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    finally:
        await api.close()


def measure(setting: Setting, say: Say) -> None:
    """All rows of a fleet that grows: each size in a namespace of its own."""
    with ExitStack() as ending:
        scale = _begin(setting, ending, 0)
        for size in sorted(SIZES):
            cluster = scale.fresh()
            _grow(scale, cluster, size, say)
            if size < NODES:
                scale.delete(cluster, _numbers(size))
        _edits(scale, cluster, say)
        _restart(scale, cluster, say)


def _numbers(size: int) -> range:
    """Each size has nodes that nobody has claimed yet."""
    first = sum(other for other in SIZES if other < size)
    return range(first, first + size)


def _begin(setting: Setting, ending: ExitStack, delay: float) -> Scale:
    name = f"scale-{time.monotonic_ns()}"
    plane = ControlPlane.start(setting.lab.state / name)
    ending.callback(plane.stop)
    install_crds(plane)
    nodes = Simulated.start(setting.lab.state, setting.lab.keys, delay)
    ending.callback(nodes.stop)
    scale = Scale(setting, plane, nodes, ending)
    scale.start()
    return scale


def _grow(scale: Scale, cluster: Cluster, size: int, say: Say) -> None:
    """What is due is a visit that finds nothing; those that are to be edited later may write."""
    began, before = time.time(), scale.probes
    writing = min(EDITS, size // 2)
    numbers, pace = _numbers(size), SIZES[size]
    scale.create(cluster, numbers[:writing], interval=pace)
    scale.create(cluster, numbers[writing:], interval=pace, mode="Observe")
    first = scale.visited(before + size + writing) - began
    time.sleep(3)  # what the last of them wrote is told by the watch
    offset, start = mark(scale.plane), scale.nodes.total()
    spent = cpu.of_process(scale.operator.pid)
    time.sleep(WINDOW)
    spent, end = cpu.of_process(scale.operator.pid) - spent, scale.nodes.total()
    visits, logins = end.probes - start.probes, end.logins - start.logins
    written = [one for one in writes(scale.plane, offset) if "/kaitunodes/" in one.uri]
    how = f"simulated; {visits} visits in {WINDOW} s, {logins} of them logged in"
    say(f"operator CPU per visit, {size} KaituNodes", f"{1000 * spent / visits:.2f} ms", how)
    say(f"status writes meanwhile, {size} KaituNodes", str(len(written)), "visits without news")
    kept = _figure(scale, "kaitu_ssh_connections")
    how = f"simulated; {kept:.0f} live connections"
    say(f"RSS, {size} KaituNodes", f"{cpu.rss(scale.operator.pid):.0f} MB", how)
    how = "from the first create; simulator, API server and operator share the machine"
    say(f"all seen for the first time, {size} KaituNodes", f"{first:.0f} s", how)


def _figure(scale: Scale, name: str) -> float:
    rows = scale.operator.get("/metrics", 60).splitlines()
    return next((float(row.split()[1]) for row in rows if row.startswith(f"{name} ")), 0.0)


def _edits(scale: Scale, cluster: Cluster, say: Say) -> None:
    """From before the patch is sent until the node has the new file."""
    offset, sent = scale.nodes.mark(), {}

    async def edit() -> None:
        api = await Api.connect(str(scale.plane.kubeconfig))
        for number in _numbers(NODES)[:EDITS]:
            sent[address(number)] = time.time()
            spec = {"spec": {"sysctl": wanted("edited")}}
            await api.patch(path(cluster.namespace, f"node-{number}"), spec)
            await asyncio.sleep(EDIT_EVERY)
        await api.close()

    asyncio.run(edit())
    until(lambda: len(scale.nodes.applied(offset)) >= EDITS, LONG, "edits", pause=0.5)
    took = sorted(one.at - sent[one.address] for one in scale.nodes.applied(offset))
    figure = f"{statistics.median(took):.2f}, {took[int(0.99 * len(took))]:.2f} s"
    say("edit to applied, p50 and p99", figure, f"{EDITS} edits among {NODES} nodes; simulated")


def _restart(scale: Scale, cluster: Cluster, say: Say) -> None:
    """What the first half minute of a new process costs."""
    scale.operator.stop()
    offset, start = mark(scale.plane), scale.nodes.total()
    began = time.time()
    scale.start()
    until(scale.operator.leads, LONG, "leader", pause=1)
    leading = time.time() - began
    edited = scale.nodes.mark()
    scale.patch(cluster, _numbers(NODES)[:1], {"spec": {"sysctl": wanted("restarted")}})
    asked = time.time()
    until(lambda: scale.nodes.applied(edited), LONG, "edit after the restart")
    took = scale.nodes.applied(edited)[0].at - asked
    time.sleep(max(0.0, began + RESTART - time.time()))
    seconds, spent = time.time() - began, cpu.of_process(scale.operator.pid)
    visits = scale.nodes.total().probes - start.probes
    due = seconds * NODES / max(NODES // 25, 20)
    written = len(writes(scale.plane, offset))
    what = f"restart at {NODES} KaituNodes"
    say(f"{what}: leads, then an edit is applied", f"{leading:.1f}, {took:.1f} s", "simulated")
    say(f"{what}: visits", f"{visits} in {seconds:.0f} s", f"spread over the interval: {due:.0f}")
    say(f"{what}: API writes", f"{written / seconds:.1f}/s", "all of the operator's account")
    say(f"{what}: CPU", f"{spent / seconds:.2f} cores", f"the first {seconds:.0f} s")
    say(f"{what}: RSS", f"{cpu.rss(scale.operator.pid):.0f} MB", "at their end")


def sweep(setting: Setting, say: Say) -> None:
    """All nodes asked for at once: with an annotation, which logs in anew, and by an edit."""
    with ExitStack() as ending:
        scale = _begin(setting, ending, ROUND_TRIP)
        cluster, before = scale.fresh(), scale.probes
        scale.create(cluster, range(FAR), interval="1h", mode="Observe")
        scale.visited(before + FAR)
        time.sleep(3)
        asks = {
            "cold": {"metadata": {"annotations": {REQUESTED_AT: "now"}}},
            "warm": {"spec": {"interval": "2h"}},
        }
        for kind, body in asks.items():
            before, began, spent = scale.probes, time.time(), cpu.of_process(scale.operator.pid)
            scale.patch(cluster, range(FAR), body)
            asked = time.time() - began
            took = scale.visited(before + FAR) - began
            spent = cpu.of_process(scale.operator.pid) - spent
            how = f"simulated; {asked:.1f} s of it to ask for it; {spent:.1f} s CPU"
            say(f"{kind} sweep, {FAR} nodes, {1000 * ROUND_TRIP:.0f} ms RTT", f"{took:.1f} s", how)
            time.sleep(3)


def churn(setting: Setting, say: Say) -> None:
    """Nodes come, are visited, and go."""
    with ExitStack() as ending:
        scale = _begin(setting, ending, 0)
        cluster, held = scale.fresh(), []
        for number in range(CHURNS):
            before = scale.probes
            numbers = range(number * CHURNED, (number + 1) * CHURNED)
            scale.create(cluster, numbers, interval="60s", mode="Observe")
            scale.visited(before + CHURNED)
            scale.delete(cluster, numbers)
            until(lambda: not _figure(scale, "kaitu_nodes"), LONG, "gone nodes", pause=1)
            held.append(cpu.rss(scale.operator.pid))
        grown = 100 * (held[-1] / held[1] - 1)
        how = f"{CHURNS} times {CHURNED}, after the second to after the last; simulated"
        say("RSS after creates and deletes", f"{held[1]:.0f}, {held[-1]:.0f} MB", how)
        say("RSS growth in that", f"{grown:+.1f} %", "")
