"""What Prometheus can ask for; every metric is explained by its help text."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from kaitu.controller.store import Key, Record
from kaitu.core.facts import HostFacts


class Fleet(Protocol):
    """What the collector reads at scrape time: a visit itself updates no gauge."""

    def records(self) -> Iterable[Record]: ...
    def holders(self) -> Iterable[Key]: ...
    def figures(self) -> dict[str, float]: ...


class Metrics:
    """The counters that visits raise, and a collector that reads the rest at scrape time."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.visits = Counter(
            "kaitu_visits",
            "Finished visits, by the reason of Ready.",
            ["reason"],
            registry=self.registry,
        )
        self.visit_seconds = Histogram(
            "kaitu_visit_seconds",
            "How long a visit took, from the queue to the status.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=self.registry,
        )
        self.status_writes = Counter(
            "kaitu_status_writes",
            "Status patches sent to the API server.",
            registry=self.registry,
        )
        self.steps = Counter(
            "kaitu_steps",
            "Changes made on nodes, by aspect.",
            ["aspect"],
            registry=self.registry,
        )

    def expose(self, fleet: Fleet) -> None:
        self.registry.register(_FleetCollector(fleet))


_NODE_GAUGES: tuple[tuple[str, str, Callable[[HostFacts], float]], ...] = (
    ("kaitu_node_load1", "Load average over one minute.", lambda host: host.load),
    (
        "kaitu_node_memory_available_bytes",
        "Memory that programs can still get.",
        lambda host: host.memory_available_bytes,
    ),
    (
        "kaitu_node_memory_total_bytes",
        "Memory of the node.",
        lambda host: host.memory_total_bytes,
    ),
    ("kaitu_node_boot_time_seconds", "When PID 1 started, Unix time.", lambda host: host.boot),
)


class _FleetCollector(Collector):
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        for name, value in self._fleet.figures().items():
            yield GaugeMetricFamily(name, FIGURES[name], value=value)
        records = tuple(self._fleet.records())
        yield _conditions(records)
        yield _holders(self._fleet.holders())
        for name, text, read in _NODE_GAUGES:
            yield _gauge(name, text, records, read)
        yield _disks(records)


FIGURES = {
    "kaitu_nodes": "KaituNodes that this operator knows.",
    "kaitu_queue_depth": "Nodes that wait for a worker.",
    "kaitu_visits_in_progress": "Nodes that are being visited.",
    "kaitu_slots_taken": "Nodes that count as disrupted (see maxDisrupted).",
    "kaitu_fleet_frozen": "1 while no node is written because many were lost at once.",
    "kaitu_leader": "1 while this process leads.",
    "kaitu_loop_lag_seconds": "How late the event loop was at its last check.",
}
_VALUES = {"True": 1.0, "False": 0.0, "Unknown": -1.0}


def _conditions(records: tuple[Record, ...]) -> Metric:
    gauge = GaugeMetricFamily(
        "kaitu_node_condition",
        "Conditions of a KaituNode: 1 True, 0 False, -1 Unknown.",
        labels=["namespace", "node", "type"],
    )
    for record in records:
        for condition in record.status.get("conditions", ()):
            labels = [record.namespace, record.name, condition["type"]]
            gauge.add_metric(labels, _VALUES[condition["status"]])
    return gauge


def _holders(nodes: Iterable[Key]) -> Metric:
    gauge = GaugeMetricFamily(
        "kaitu_slot_holder",
        "1 for each node that counts as disrupted; others of its namespace may wait for it.",
        labels=["namespace", "node"],
    )
    for namespace, name in nodes:
        gauge.add_metric([namespace, name], 1)
    return gauge


def _gauge(
    name: str, text: str, records: tuple[Record, ...], read: Callable[[HostFacts], float]
) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=["namespace", "node"])
    for record in records:
        if record.memory.host:
            gauge.add_metric([record.namespace, record.name], read(record.memory.host))
    return gauge


def _disks(records: tuple[Record, ...]) -> Metric:
    gauge = GaugeMetricFamily(
        "kaitu_node_disk_used_ratio",
        "Used share of a file system, 0 to 1.",
        labels=["namespace", "node", "mount"],
    )
    for record in records:
        for disk in record.memory.host.disks if record.memory.host else ():
            gauge.add_metric([record.namespace, record.name, disk.mount], disk.used_percent / 100)
    return gauge
