"""Gauges, read from the store at scrape time: those of a deleted node vanish with it.

Every label is of a closed set, or names a KaituNode or what its spec says. Of what a node itself
tells only the mount points are a label, and at most eight of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, cast

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from kaitu.controller.store import Key, Record
from kaitu.core.facts import HostFacts

MOST_DISKS: Final = 8

Row = tuple[tuple[str, ...], float]
"""The labels after namespace and node, and the value."""


class Fleet(Protocol):
    """What the collector reads at scrape time: a visit itself updates no gauge."""

    def records(self) -> Iterable[Record]: ...
    def holders(self) -> Iterable[Key]: ...
    def figures(self) -> dict[str, float]: ...


@dataclass(frozen=True, slots=True)
class NodeGauge:
    """One gauge of every node; ``rows`` gives its series."""

    name: str
    text: str
    rows: Callable[[Record], Iterable[Row]]
    labels: tuple[str, ...] = ()


FIGURES: Final = {
    "kaitu_nodes": "KaituNodes that this process looks after.",
    "kaitu_queue_depth": "Nodes that wait for their visit.",
    "kaitu_visits_in_progress": "Nodes that are being visited.",
    "kaitu_ssh_connections": "Connections to nodes that are open and kept for their next visit.",
    "kaitu_slots_taken": "Nodes that count as disrupted (see maxDisrupted).",
    "kaitu_fleet_frozen": "1 while no node is written because many were lost at once.",
    "kaitu_leader": "1 while this process leads.",
    "kaitu_shards": "Into how many shards the fleet is divided.",
    "kaitu_shards_led": "How many of them this process leads.",
    "kaitu_loop_lag_seconds": "How late the event loop was at its last check.",
    "kaitu_kube_watch_last_event_timestamp_seconds": "When the watch last told of a KaituNode.",
    "kaitu_kube_watch_behind_seconds": "For how long the API server has had a KaituNode in a "
    "state that the watch has not told of; 0 when it is up to date.",
}
HOLDER: Final = "kaitu_slot_holder"
HOLDER_TEXT: Final = "1 for each node that counts as disrupted; others may wait for it."

_VALUES: Final = {"True": 1.0, "False": 0.0, "Unknown": -1.0}
_STATES: Final = ("running", "restarting", "exited", "created", "paused", "dead", "removing")
_ARCHITECTURES: Final = frozenset({"x86_64", "aarch64", "armv7l", "riscv64"})


def _conditions(record: Record) -> Iterator[Mapping[str, Any]]:
    yield from record.status.get("conditions", ())


def _values(record: Record) -> Iterator[Row]:
    return (((c["type"],), _VALUES[c["status"]]) for c in _conditions(record))


def _reasons(record: Record) -> Iterator[Row]:
    return (((c["type"], c["reason"]), 1) for c in _conditions(record))


def _turned(record: Record) -> Iterator[Row]:
    return (((c["type"],), unix(c["lastTransitionTime"])) for c in _conditions(record))


def unix(text: str) -> float:
    """Seconds since 1970 of a time as a status has it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _info(record: Record) -> Iterator[Row]:
    spec, status = record.spec, record.status
    arch = status.get("facts", {}).get("arch", "")
    yield (
        (
            str(spec.get("connection", {}).get("host", "")),
            arch if arch in _ARCHITECTURES else "other" if arch else "",
            status.get("architecture", ""),
            str(spec.get("compose", {}).get("version", "")),
            str(spec.get("mode", "Enforce")),
            str(bool(spec.get("suspend"))).lower(),
        ),
        1,
    )


def _drift(record: Record) -> Iterator[Row]:
    found = [one["aspect"] for one in record.status.get("drift", ())]
    names = [one["name"] for one in record.status.get("aspects", ())]
    return (((name,), found.count(name)) for name in names)


def _containers(record: Record) -> Iterator[Row]:
    """Running ones by health where they have one; no service is counted twice."""
    services = (record.status.get("compose") or {}).get("services")
    if services is None:
        return
    counts = dict.fromkeys(("healthy", "unhealthy", "starting", *_STATES, "other"), 0)
    for one in services:
        counts[_state(one)] += 1
    yield from (((state,), count) for state, count in counts.items())


def _state(service: Mapping[str, Any]) -> str:
    state, health = service.get("state", ""), service.get("health", "")
    if state == "running" and health in {"healthy", "unhealthy", "starting"}:
        return str(health)
    return str(state) if state in _STATES else "other"


def _findings(record: Record) -> Iterator[Row]:
    found = [one["signature"] for one in record.status.get("findings", ())]
    return (((name,), found.count(name)) for name in dict.fromkeys(found))


def _held(record: Record) -> Iterator[Row]:
    yield (), float(bool(record.status.get("revision", {}).get("held")))


def _contact(record: Record) -> Iterator[Row]:
    if record.memory.contact:
        yield (), record.memory.contact


def _success(record: Record) -> Iterator[Row]:
    if record.memory.success:
        yield (), record.memory.success


def _host(read: Callable[[HostFacts], float]) -> Callable[[Record], Iterator[Row]]:
    def rows(record: Record) -> Iterator[Row]:
        if record.memory.host:
            yield (), read(record.memory.host)

    return rows


def _disks(record: Record) -> Iterator[Row]:
    disks = record.memory.host.disks if record.memory.host else ()
    used = {disk.mount: disk.used_percent / 100 for disk in disks[:MOST_DISKS]}
    return (((mount,), share) for mount, share in used.items())


NODE_GAUGES: Final = (
    NodeGauge(
        "kaitu_node_info",
        "Always 1; what a node is. release is the wanted one, generation what runs.",
        _info,
        ("host", "arch", "generation", "release", "mode", "suspended"),
    ),
    NodeGauge(
        "kaitu_node_condition",
        "Conditions of a KaituNode: 1 True, 0 False, -1 Unknown.",
        _values,
        ("type",),
    ),
    NodeGauge(
        "kaitu_node_condition_reason",
        "Always 1; the reason of each condition, from the closed list.",
        _reasons,
        ("type", "reason"),
    ),
    NodeGauge(
        "kaitu_node_condition_transition_timestamp_seconds",
        "When the status of a condition last turned.",
        _turned,
        ("type",),
    ),
    NodeGauge(
        "kaitu_node_last_contact_timestamp_seconds",
        "When a visit last saw the node. After a restart of the operator it is known again of a "
        "node that was in contact, else from the next contact on.",
        _contact,
    ),
    NodeGauge(
        "kaitu_node_last_success_timestamp_seconds",
        "When a visit last found the node Ready. After a restart as the last contact.",
        _success,
    ),
    NodeGauge(
        "kaitu_node_drift_items",
        "Things that are not as wanted, by aspect; 20 at most are told apart.",
        _drift,
        ("aspect",),
    ),
    NodeGauge(
        "kaitu_node_containers",
        "Containers of the deployment: healthy, unhealthy or starting where they have a health "
        "check, else by state.",
        _containers,
        ("state",),
    ),
    NodeGauge(
        "kaitu_node_findings",
        "What is wrong on the node and not the operator's to mend.",
        _findings,
        ("signature",),
    ),
    NodeGauge("kaitu_node_held", "1 while a release that failed is held on the node.", _held),
    NodeGauge("kaitu_node_load1", "Load average over one minute.", _host(lambda host: host.load)),
    NodeGauge("kaitu_node_cpus", "Processors of the node.", _host(lambda host: host.cpus)),
    NodeGauge(
        "kaitu_node_memory_available_bytes",
        "Memory that programs can still get.",
        _host(lambda host: host.memory_available_bytes),
    ),
    NodeGauge(
        "kaitu_node_memory_total_bytes",
        "Memory of the node.",
        _host(lambda host: host.memory_total_bytes),
    ),
    NodeGauge(
        "kaitu_node_boot_time_seconds",
        "When PID 1 of the node started, Unix time.",
        _host(lambda host: host.boot),
    ),
    NodeGauge(
        "kaitu_node_disk_used_ratio",
        "Used share of a file system, 0 to 1; of the deployment's, not of every one.",
        _disks,
        ("mount",),
    ),
)


class FleetCollector(Collector):
    """Everything about the fleet at this moment."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        for name, value in self._fleet.figures().items():
            yield GaugeMetricFamily(name, FIGURES[name], value=value)
        yield _family(HOLDER, HOLDER_TEXT, (), ((key, (), 1.0) for key in self._fleet.holders()))
        records = tuple(self._fleet.records())
        for gauge in NODE_GAUGES:
            yield _family(gauge.name, gauge.text, gauge.labels, _rows(gauge, records))


def _rows(gauge: NodeGauge, records: Iterable[Record]) -> Iterator[tuple[Key, *Row]]:
    return ((one.key, *row) for one in records for row in gauge.rows(one))


def _family(
    name: str,
    text: str,
    labels: tuple[str, ...],
    rows: Iterable[tuple[Key, tuple[str, ...], float]],
) -> Metric:
    """Each sample comes to be when it is printed: those of thousands of nodes take 50 MB."""
    family, names = GaugeMetricFamily(name, text), ("namespace", "node", *labels)
    samples = (
        Sample(name, dict(zip(names, (*key, *more), strict=True)), value)
        for key, more, value in rows
    )
    family.samples = cast(list[Sample], samples)
    return family
