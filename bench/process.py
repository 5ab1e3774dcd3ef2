"""The operator as its own process: what it costs, and how soon it sees, mends and starts."""

import time
from collections.abc import Callable

from bench import cpu
from bench.line import line, ours
from bench.say import Say, spread
from bench.setting import CC, KERNEL, NAME, SYSCTL, WHOLE, Setting
from lab import fleet
from lab.audit import mark, requests, writes
from lab.wait import until

FLEET, WATCHED, REPEATS, WINDOWS, WINDOW, IDLE = 200, 15, 7, 4, 8, 15
ONE_WAY, SILENCE = 0.05, 4


def visit(setting: Setting, say: Say) -> None:
    """All of the process, idle work included, divided by the visits that it made meanwhile."""
    node = setting.node
    assert node
    idle = _idle(setting)
    say("operator CPU with nothing due", spread(idle, "ms/s"), "lease, watch, freshness")
    for what, spec in (("all sections", WHOLE), ("sysctl alone", {"sysctl": SYSCTL})):
        setting.observe(WATCHED, "warm", interval="2s", **spec)
        offset = mark(setting.cluster.plane)
        figures, count = _per_visit(setting)
        plane = setting.cluster.plane
        written = [one for one in writes(plane, offset) if "/kaitunodes/" in one.uri]
        say("operator CPU of a warm no-op visit", spread(figures, "ms"), f"{what}; {count} visits")
        say("status writes meanwhile", str(len(written)), f"{what}; heartbeats are due")
        asked = len(requests(plane, offset))
        say("API requests meanwhile", str(asked), "lease, references, watch")
        setting.forget("warm")


def _idle(setting: Setting) -> list[float]:
    spent = cpu.of_process(setting.operator.pid)
    time.sleep(IDLE)
    return [1000 * (cpu.of_process(setting.operator.pid) - spent) / IDLE]


def _per_visit(setting: Setting) -> tuple[list[float], int]:
    """To look at the metrics costs the operator more than a visit does: that is left out."""
    figures, total = [], 0.0
    for _ in range(WINDOWS):
        before = setting.visits()
        spent = cpu.of_process(setting.operator.pid)
        time.sleep(WINDOW)
        spent = cpu.of_process(setting.operator.pid) - spent
        made = setting.visits() - before
        figures.append(1000 * spent / made)
        total += made
    return figures, int(total)


def edit(setting: Setting, say: Say) -> None:
    """From the API's answer to an edit until the kernel has the new value."""

    def change(number: int) -> None:
        value = ("reno", KERNEL[CC])[number % 2]
        fleet.patch(setting.cluster, NAME, sysctl={"settings": [{"name": CC, "value": value}]})
        _running(setting, value)

    _awake(setting, interval="2s")
    figures = _times(change)
    fleet.patch(setting.cluster, NAME, sysctl=SYSCTL)
    fleet.wait_ready(setting.cluster, NAME)
    fleet.patch(setting.cluster, NAME, suspend=True)
    say("edit to applied", spread(figures, "s"), f"{REPEATS} times, with kubectl and the look")


def mend(setting: Setting, say: Say) -> None:
    """From a change by hand until the kernel has the old value again, at an interval of 2 s."""

    def break_it(_: int) -> None:
        setting.node.run(f"sysctl -qw {CC}=reno")
        _running(setting, KERNEL[CC])

    _awake(setting, interval="2s")
    figures = _times(break_it)
    fleet.patch(setting.cluster, NAME, suspend=True)
    say("broken to mended", spread(figures, "s"), f"{REPEATS} times, interval 2 s")


def repair(setting: Setting, say: Say) -> None:
    """The visit that mends is the longest one on a line that counts."""
    node = setting.node
    with line(node.address, node.port, ONE_WAY) as far:
        to = {"host": ours(node.address), "port": far.port}
        _awake(setting, interval="8s", connection=to, health={"tcp": []})  # the line has no 443
        figures = [float(_mended(setting, far.clear, lambda: far.bursts(SILENCE))) for _ in "123"]
        fleet.patch(setting.cluster, NAME, suspend=True)
    back = {"host": node.address, "port": node.port}
    fleet.patch(setting.cluster, NAME, connection=back, health=WHOLE["health"])
    how = "counted: a probe that sees it, the change, a probe that looks again"
    say("round trips, drift to known to be mended", spread(figures, "", 0), how)


def _mended(setting: Setting, clear: Callable[[], None], bursts: Callable[[], list[int]]) -> int:
    until(lambda: len(bursts()) > 1, 60, "visit over the line")
    clear()
    setting.node.run(f"sysctl -qw {CC}=reno")
    _running(setting, KERNEL[CC])
    count = len(bursts())
    until(lambda: len(bursts()) > count, 60, "visit after the one that mends")
    return max(bursts())


def start(setting: Setting, say: Say) -> None:
    """A new process takes over at once where the one before has given its lease back."""
    node = setting.node
    assert node
    setting.observe(WATCHED, "start", interval="2s", sysctl=SYSCTL)
    ready, first = [], []
    for _ in range(3):
        setting.operator.stop()
        began = time.monotonic()
        setting.operator = setting.started()
        until(setting.operator.leads, 60, "leader", pause=0.02)
        ready.append(time.monotonic() - began)
        until(setting.visits, 60, "first visit", pause=0.02)
        first.append(time.monotonic() - began)
    setting.forget("start")
    say("operator start to leader", spread(ready, "s"), "process, imports, lease")
    say(
        "operator start to the end of its first visit", spread(first, "s"), f"{WATCHED} nodes, 2 s"
    )


def memory(setting: Setting, say: Say) -> None:
    setting.observe(FLEET, "many", interval="60s", sysctl=SYSCTL)
    figure = cpu.rss(setting.operator.pid)
    setting.forget("many")
    say(f"RSS with {FLEET} KaituNodes", f"{figure:.0f} MB", "each with an open connection")


def _awake(setting: Setting, **spec: object) -> None:
    assert setting.node
    fleet.patch(setting.cluster, NAME, suspend=False, **spec)
    fleet.wait_ready(setting.cluster, NAME)


def _times(act: Callable[[int], None]) -> list[float]:
    took = []
    for number in range(REPEATS):
        began = time.monotonic()
        act(number)
        took.append(time.monotonic() - began)
    return took


def _running(setting: Setting, value: str) -> None:
    until(lambda: setting.node.run(f"sysctl -n {CC}").strip() == value, 60, value)
