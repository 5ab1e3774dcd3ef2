"""Measure the operator on a real API server and a real node, and print one line for each figure.

Many KaituNodes in mode Observe share the one real node: each has a connection and a status of its
own, and none writes to the node, so that one machine can stand for a fleet.
"""

import os
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import release
from bench.probe import warm_round_trips
from lab import fleet
from lab.audit import mark, requests
from lab.cluster import Cluster, install_crds
from lab.node import Node
from lab.operator import Operator
from lab.run import Lab
from lab.wait import until

CC = "net.ipv4.tcp_congestion_control"
SYSCTL = {"settings": [{"name": CC, "value": "bbr"}]}
TICK = os.sysconf("SC_CLK_TCK")
FLEET, WATCHED, REPEATS, WINDOW = 200, 20, 7, 40


@dataclass(frozen=True)
class Bench:
    lab: Lab
    cluster: Cluster
    node: Node
    operator: Operator


def main() -> None:
    with Lab.open() as lab:
        bench = _set_up(lab)
        for measure in (_edit, _mend, _visit_cpu, _round_trips, _memory):
            measure(bench)
        release.measure(lab, bench.cluster, _say)


def _set_up(lab: Lab) -> Bench:
    install_crds(lab.control_plane)
    cluster = Cluster.fresh(lab.control_plane, "bench")
    node = lab.node("bench")
    node.run("echo MaxStartups 500 >/etc/ssh/sshd_config.d/40-bench.conf; systemctl reload ssh")
    operator = Operator.start(
        lab.control_plane,
        lab.state / "operator.log",
        "--namespace",
        cluster.namespace,
        level="WARNING",
    )
    lab.closing(operator.stop)
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.kaitu_node("vps", node, sysctl=SYSCTL, interval="2s"),
    )
    fleet.wait_ready(cluster, "vps")
    return Bench(lab, cluster, node, operator)


def _say(what: str, figure: str, how: str) -> None:
    print(f"{what:<44} {figure:>12}   {how}", flush=True)


def _times(act: Callable[[int], None]) -> str:
    took = []
    for number in range(REPEATS):
        began = time.monotonic()
        act(number)
        took.append(time.monotonic() - began)
    return f"{statistics.median(took):.2f} s"


def _running(bench: Bench, value: str) -> None:
    until(lambda: bench.node.run(f"sysctl -n {CC}").strip() == value, 60, value)


def _edit(bench: Bench) -> None:
    """From the API's answer to an edit until the kernel has the new value."""

    def edit(number: int) -> None:
        value = ("reno", "bbr")[number % 2]
        settings = {"settings": [{"name": CC, "value": value}]}
        fleet.patch(bench.cluster, "vps", sysctl=settings)
        _running(bench, value)

    figure = _times(edit)
    fleet.patch(bench.cluster, "vps", sysctl=SYSCTL)
    fleet.wait_ready(bench.cluster, "vps")
    _say("edit to applied", figure, f"median of {REPEATS}, with kubectl and the look")


def _mend(bench: Bench) -> None:
    """From a change by hand until the kernel has the old value again, at an interval of 2 s."""

    def mend(_: int) -> None:
        bench.node.run(f"sysctl -qw {CC}=reno")
        _running(bench, "bbr")

    _say("broken to mended", _times(mend), f"median of {REPEATS}, interval 2 s")


def _apply(bench: Bench, count: int, **spec: object) -> None:
    bench.cluster.apply(
        *(
            fleet.kaitu_node(f"many-{n:03}", bench.node, mode="Observe", sysctl=SYSCTL, **spec)
            for n in range(count)
        )
    )
    until(lambda: _metric(bench, r'condition\{[^}]*many[^}]*"Ready"\} 1.0') == count, 300, "fleet")


def _metric(bench: Bench, pattern: str) -> int:
    return len(re.findall(pattern, bench.operator.get("/metrics")))


def _visits(bench: Bench) -> float:
    found = re.findall(
        r"^kaitu_visits_total\{.*\} ([0-9.]+)$", bench.operator.get("/metrics"), re.M
    )
    return sum(float(one) for one in found)


def _cpu(bench: Bench) -> float:
    fields = Path(f"/proc/{bench.operator.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _visit_cpu(bench: Bench) -> None:
    """All of the process, idle work included, divided by the visits it made meanwhile."""
    _apply(bench, WATCHED, interval="2s")
    offset = mark(bench.cluster.plane)
    cpu, visits = _cpu(bench), _visits(bench)
    time.sleep(WINDOW)  # looking at the metrics costs the operator more than a visit does
    cpu, visits = _cpu(bench) - cpu, _visits(bench) - visits
    asked = len(requests(bench.cluster.plane, offset))
    _say("operator CPU per warm visit", f"{1000 * cpu / visits:.2f} ms", f"{visits:.0f} visits")
    _say("API requests meanwhile", str(asked), "lease, references, watch")


def _round_trips(bench: Bench) -> None:
    trips = warm_round_trips(bench.node)
    _say("round trips of a warm probe", str(trips), "counted on a line of 100 ms")


def _memory(bench: Bench) -> None:
    _apply(bench, FLEET, interval="60s")
    status = Path(f"/proc/{bench.operator.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    rss = int(found.group(1)) / 1024 if found else 0.0
    _say(f"RSS with {FLEET} KaituNodes", f"{rss:.0f} MB", "each with an open connection")


if __name__ == "__main__":
    main()
