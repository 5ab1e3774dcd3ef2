"""How cost grows with the fleet. KAITU_BENCH_NODES says how large the largest one is."""

import asyncio
import os
import statistics
import time

from bench import cpu
from bench.fleet import LONG, Fleet, Namespace, fleet
from bench.say import Say
from bench.setting import Setting
from kaitu.api.annotations import REQUESTED_AT
from kaitu.cluster.api import Api
from lab.audit import mark, writes
from lab.sim import address, wanted
from lab.wait import until

NODES = int(os.environ.get("KAITU_BENCH_NODES", "10000"))
SIZES = (*(size for size in (10, 100, 1000) if size < NODES), NODES)
RATE = 50  # visits a second that are due, as far as a second is the shortest interval
KEPT = 2000  # connections, as ``remote.pool`` has it
WINDOW, RESTART, CALM = 20, 30, 3
EDITS, EDIT_EVERY = 100, 0.15
FAR, ROUND_TRIP = 1000, 0.08
CHURNS, CHURNED = 8, 500


def measure(setting: Setting, say: Say) -> None:
    """A fleet that grows: each size in a namespace of its own, the largest after a restart."""
    with fleet(setting) as made:
        for size in SIZES[:-1]:
            space = _grown(made, size, say)
            _visits(made, size, say)
            space.delete(_numbers(size))
        space = _grown(made, NODES, say)
        _restart(made, space, say)
        until(lambda: made.nodes.total().open >= min(KEPT, NODES), LONG, "connections")
        _visits(made, NODES, say)
        _edits(made, space, say)
        _scrape(made, say)


def _numbers(size: int) -> range:
    """Each size has nodes that nobody has claimed yet."""
    first = sum(other for other in SIZES if other < size)
    return range(first, first + size)


def _edited(size: int) -> range:
    return _numbers(size)[: min(EDITS, size // 2)]


def _interval(size: int) -> float:
    return max(1, size // RATE)


def _grown(made: Fleet, size: int, say: Say) -> Namespace:
    """Only nodes that are edited later may be written to, which takes a second look at first."""
    space, began, before = made.namespace(), time.time(), made.nodes.total().probes
    numbers, first, pace = _numbers(size), _edited(size), f"{_interval(size)}s"
    space.create(first, interval=pace)
    space.create(numbers[len(first) :], interval=pace, mode="Observe")
    created = time.time() - began
    took = made.seen(before + size + len(first)) - began
    time.sleep(CALM)  # what the last of them wrote is told by the watch
    how = f"{created:.0f} s of it to create them; all share the machine"
    say(f"all seen for the first time, {size} KaituNodes", f"{took:.0f} s", how)
    return space


def _visits(made: Fleet, size: int, say: Say) -> None:
    """No metrics are asked for meanwhile."""
    pid, offset, start = made.operator.pid, mark(made.plane), made.nodes.total()
    spent = cpu.of_process(pid)
    time.sleep(WINDOW)
    spent, end = cpu.of_process(pid) - spent, made.nodes.total()
    visits, logins = end.probes - start.probes, end.logins - start.logins
    written = [one for one in writes(made.plane, offset) if "/kaitunodes/" in one.uri]
    how = f"simulated; {visits} visits in {WINDOW} s, {logins} of them logged in"
    say(f"operator CPU per visit, {size} KaituNodes", f"{1000 * spent / visits:.2f} ms", how)
    say(f"status writes meanwhile, {size} KaituNodes", str(len(written)), "heartbeats are due")
    say(f"RSS, {size} KaituNodes", f"{cpu.rss(pid):.0f} MB", f"{end.open} live connections")


def _restart(made: Fleet, space: Namespace, say: Say) -> None:
    """What the first half minute of a new process is like."""
    before = cpu.rss(made.operator.pid)
    made.operator.stop()
    offset, start, began = mark(made.plane), made.nodes.total(), time.time()
    made.start()
    until(made.operator.leads, LONG, "leader", pause=1)
    leading = time.time() - began
    edited, asked = made.nodes.mark(), time.time()
    space.patch(_edited(NODES)[:1], {"spec": {"sysctl": wanted("restarted")}})
    took = until(lambda: made.nodes.applied(edited), LONG, "edit after it")[0].at - asked
    time.sleep(max(0.0, began + RESTART - time.time()))
    seconds, spent = time.time() - began, cpu.of_process(made.operator.pid)
    visits = made.nodes.total().probes - start.probes
    written = len(writes(made.plane, offset))
    what = f"restart at {NODES} KaituNodes"
    due = f"evenly over the interval of {_interval(NODES)} s: {seconds * RATE:.0f}"
    say(f"{what}: leads", f"{leading:.1f} s", "from its start")
    say(f"{what}: an edit is applied", f"{took:.1f} s", "sent once it leads")
    say(f"{what}: visits", f"{visits} in {seconds:.0f} s", due)
    say(f"{what}: API writes", f"{written / seconds:.1f}/s", "all of the operator's account")
    say(f"{what}: CPU", f"{spent / seconds:.2f} cores", f"the first {seconds:.0f} s")
    say(f"{what}: RSS before", f"{before:.0f} MB", "of the process that saw all come")


def _edits(made: Fleet, space: Namespace, say: Say) -> None:
    """From before the patch is sent until the node has the new file."""
    offset, sent = made.nodes.mark(), {}

    async def edit() -> None:
        api = await Api.connect(str(made.plane.kubeconfig))
        for number in _edited(NODES):
            sent[address(number)] = time.time()
            await api.patch(space.path(number), {"spec": {"sysctl": wanted("edited")}})
            await asyncio.sleep(EDIT_EVERY)
        await api.close()

    start = made.nodes.total()
    asyncio.run(edit())
    until(lambda: len(made.nodes.applied(offset)) >= len(sent), LONG, "edits", pause=0.5)
    visits = made.nodes.total().probes - start.probes
    took = sorted(one.at - sent[one.address] for one in made.nodes.applied(offset))
    figure = f"{statistics.median(took):.2f}, {took[int(0.99 * len(took))]:.2f} s"
    how = f"{len(sent)} edits among {NODES} nodes; {visits} probes meanwhile; simulated"
    say("edit to applied, p50 and p99", figure, how)


def _scrape(made: Fleet, say: Say) -> None:
    """What Prometheus asks for: the text is made while visits go on."""
    spent, began = cpu.of_process(made.operator.pid), time.monotonic()
    text = made.operator.get("/metrics", LONG)
    took = time.monotonic() - began
    spent = cpu.of_process(made.operator.pid) - spent
    how = f"{len(text) / 1e6:.0f} MB; {spent:.1f} s CPU, visits included"
    say(f"a scrape, {NODES} KaituNodes", f"{took:.1f} s", how)
    say("RSS after it", f"{cpu.rss(made.operator.pid):.0f} MB", "")


def sweep(setting: Setting, say: Say) -> None:
    """All nodes asked for at once: with an annotation, which logs in anew, and by an edit."""
    with fleet(setting, ROUND_TRIP) as made:
        space, before = made.namespace(), made.nodes.total().probes
        space.create(range(FAR), interval="1h", mode="Observe")
        made.seen(before + FAR)
        asks = {
            "cold": {"metadata": {"annotations": {REQUESTED_AT: "now"}}},
            "warm": {"spec": {"interval": "2h"}},
        }
        for kind, body in asks.items():
            time.sleep(CALM)
            before, began = made.nodes.total(), time.time()
            spent = cpu.of_process(made.operator.pid)
            space.patch(range(FAR), body)
            asked = time.time() - began
            took = made.seen(before.probes + FAR) - began
            spent = cpu.of_process(made.operator.pid) - spent
            logins = made.nodes.total().logins - before.logins
            how = (
                f"{logins} logins; {asked:.1f} s of it to ask for it; {spent:.1f} s CPU; simulated"
            )
            say(f"{kind} sweep, {FAR} nodes, {1000 * ROUND_TRIP:.0f} ms RTT", f"{took:.1f} s", how)


def churn(setting: Setting, say: Say) -> None:
    """Nodes come, are visited, and go."""
    with fleet(setting) as made:
        space, held = made.namespace(), []
        for number in range(CHURNS):
            before = made.nodes.total().probes
            numbers = range(number * CHURNED, (number + 1) * CHURNED)
            space.create(numbers, interval="60s", mode="Observe")
            made.seen(before + CHURNED)
            space.delete(numbers)
            held.append(cpu.rss(made.operator.pid))
        grown = 100 * (held[-1] / held[1] - 1)
        how = f"{CHURNS} times {CHURNED}, after the second to after the last; simulated"
        say("RSS after creates and deletes", f"{held[1]:.0f}, {held[-1]:.0f} MB", how)
        say("RSS growth in that", f"{grown:+.1f} %", "")
