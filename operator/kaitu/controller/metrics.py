"""What Prometheus can ask for. Counters are raised by visits; gauges are read at scrape time."""

import platform
from collections.abc import Mapping
from typing import NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from kaitu.controller.gauges import (
    FIGURES,
    HOLDER,
    HOLDER_TEXT,
    NODE_GAUGES,
    Fleet,
    FleetCollector,
)
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.version import PROGRAM

PHASES = {
    Reason.HOST_DENIED: "resolve",
    Reason.DNS_NOT_FOUND: "resolve",
    Reason.DNS_ERROR: "resolve",
    Reason.DIAL_TIMEOUT: "dial",
    Reason.DIAL_REFUSED: "dial",
    Reason.DIAL_UNREACHABLE: "dial",
    Reason.OBSERVER_DEGRADED: "dial",
    Reason.JUMP_FAILED: "jump",
    Reason.BANNER_TIMEOUT: "handshake",
    Reason.NOT_SSH: "handshake",
    Reason.HOST_KEY_CHANGED: "handshake",
    Reason.ALGORITHM_MISMATCH: "handshake",
    Reason.AUTH_FAILED: "authenticate",
    Reason.LOGIN_TIMEOUT: "authenticate",
    Reason.KEY_INVALID: "authenticate",
}
"""How far a login came that failed with this reason; any other one: ``login``."""


class Described(NamedTuple):
    """One metric for docs/reference/metrics.md."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


_OF_A_VISIT = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_OF_A_LOGIN = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counters, and who raises them; ``expose`` adds the gauges of the fleet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.described: list[Described] = []
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=self.registry)
        self._build()
        self.visits = self._counter(
            "kaitu_visits", "Finished visits, by the reason of Ready.", "reason"
        )
        self.visit_seconds = self._histogram(
            "kaitu_visit_seconds",
            "How long a visit took, from the queue to the status.",
            _OF_A_VISIT,
        )
        self.status_writes = self._counter(
            "kaitu_status_writes", "Status patches sent to the API server."
        )
        self.steps = self._counter("kaitu_steps", "Changes made on nodes.", "aspect")
        self.drift_detected = self._counter(
            "kaitu_drift_detected",
            "Things that somebody else changed on nodes; each counts once until it is as wanted.",
            "aspect",
        )
        self.drift_corrected = self._counter(
            "kaitu_drift_corrected",
            "Such things that the operator has changed back, or has begun to.",
            "aspect",
        )
        self.login_seconds = self._histogram(
            "kaitu_ssh_login_seconds",
            "How long a login that succeeded took, jumps included.",
            _OF_A_LOGIN,
        )
        self.commands = self._counter(
            "kaitu_ssh_commands", "Commands sent to nodes, by script of the catalogue.", "script"
        )
        self.ssh_errors = self._counter(
            "kaitu_ssh_errors",
            "Logins and commands that failed: how far they came, and why.",
            "phase",
            "reason",
        )

    def _build(self) -> None:
        name, text, labels = "kaitu_build_info", "Always 1; what runs.", ("version", "python")
        self.described.append(Described(name, "gauge", labels, text))
        build = Gauge(name, text, labels, registry=self.registry)
        build.labels(PROGRAM, platform.python_version()).set(1)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        self.described.append(Described(f"{name}_total", "counter", labels, text))
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        self.described.append(Described(name, "histogram", (), text))
        return Histogram(name, text, buckets=buckets, registry=self.registry)

    def expose(self, fleet: Fleet) -> None:
        self.registry.register(FleetCollector(fleet))

    def steps_taken(self, steps: Mapping[str, int]) -> None:
        """How many changes a visit made, by aspect."""
        for aspect, count in steps.items():
            self.steps.labels(aspect).inc(count)

    def drifted(self, detected: Mapping[str, int], corrected: Mapping[str, int]) -> None:
        """What a visit found to have drifted, and what of it was put right, by aspect."""
        for counter, found in ((self.drift_detected, detected), (self.drift_corrected, corrected)):
            for aspect, count in found.items():
                counter.labels(aspect).inc(count)

    def logged_in(self, seconds: float) -> None:
        """A login succeeded."""
        self.login_seconds.observe(seconds)

    def not_logged_in(self, error: KaituError) -> None:
        """A login failed."""
        self.ssh_errors.labels(PHASES.get(error.reason, "login"), str(error.reason)).inc()

    def ran(self, script: str, error: KaituError | None) -> None:
        """A command came to its end, or failed."""
        self.commands.labels(script).inc()
        if error:
            self.ssh_errors.labels("command", str(error.reason)).inc()


def described() -> list[Described]:
    """Every metric of ours, also those of the fleet."""
    figures = [Described(name, "gauge", (), text) for name, text in FIGURES.items()]
    of_nodes = [("namespace", "node", *gauge.labels) for gauge in NODE_GAUGES]
    return [
        *Metrics().described,
        *figures,
        Described(HOLDER, "gauge", ("namespace", "node"), HOLDER_TEXT),
        *(
            Described(gauge.name, "gauge", labels, gauge.text)
            for gauge, labels in zip(NODE_GAUGES, of_nodes, strict=True)
        ),
    ]
