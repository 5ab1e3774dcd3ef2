"""What /metrics tells of a fleet, what it tells no more, and that no label grows without end."""

from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.exposition import generate_latest

from controller.toy import KEY, known, node, operator
from kaitu.controller.app import App
from kaitu.controller.arrivals import gone, seen
from kaitu.controller.gauges import FIGURES, MOST_DISKS
from kaitu.controller.metrics import PHASES, described
from kaitu.core.errors import KaituError
from kaitu.core.facts import Disk, HostFacts
from kaitu.core.reasons import REASONS, Condition, Reason

SINCE = "2026-01-01T00:00:00Z"
UNIX = 1767225600.0
HOST = HostFacts(
    time=0, boot=1, os="", kernel="", arch="", cpus=2, memory_total_bytes=8,
    memory_available_bytes=4, load=0.5, etc_writable=True, disks=(Disk("/", 10, 91),), ipv6=(),
    owner=None, fence=None, machine="-",
)  # fmt: skip


def condition(kind: str, status: str, reason: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": SINCE}


GOOD = [
    condition("Reachable", "True", "Connected"),
    condition("ProbeTrusted", "True", "FrameValid"),
    condition("Ready", "False", "NoSpace"),
]
STATUS: dict[str, Any] = {
    "conditions": GOOD,
    "lastVisitTime": SINCE,
    "architecture": "k2v5",
    "facts": {"arch": "x86_64"},
    "revision": {"held": "1.0.1"},
    "aspects": [{"name": "cron", "reason": "Applied"}, {"name": "env", "reason": "NoSpace"}],
    "drift": [{"aspect": "env", "item": "A"}, {"aspect": "env", "item": "B"}],
    "findings": [{"signature": "OrphanService"}, {"signature": "OrphanService"}],
    "compose": {
        "services": [
            {"state": "running", "health": "healthy"},
            {"state": "running"},
            {"state": "running", "health": "unhealthy"},
            {"state": "exited"},
            {"state": "made up by a liar"},
        ]
    },
}


def shown(app: App) -> list[str]:
    app.metrics.expose(app)
    return generate_latest(app.metrics.registry).decode().splitlines()


def scene(**status: Any) -> App:
    app, _ = operator({**node(), "status": {**STATUS, **status}})
    known(app).memory.host = HOST
    return app


SHOWN = """
node_info arch=x86_64,generation=k2v5,host=192.0.2.1,mode=Enforce,release=,suspended=false 1.0
node_condition type=Ready 0.0
node_condition_reason reason=NoSpace,type=Ready 1.0
node_condition_transition_timestamp_seconds type=Ready 1.7672256e+09
node_last_contact_timestamp_seconds 1.7672256e+09
node_drift_items aspect=cron 0.0
node_drift_items aspect=env 2.0
node_findings signature=OrphanService 2.0
node_held 1.0
node_containers state=healthy 1.0
node_containers state=running 1.0
node_containers state=unhealthy 1.0
node_containers state=exited 1.0
node_containers state=other 1.0
node_disk_used_ratio mount=/ 0.91
node_cpus 2.0
""".strip().splitlines()


def line(words: str) -> str:
    """The line of the exposition: labels stand in the order of their names."""
    name, *labels, value = words.replace(",", " ").split(" ")
    pairs = [one.split("=") for one in ("namespace=default", "node=n1", *labels)]
    inside = ",".join(f'{key}="{text}"' for key, text in sorted(pairs))
    return f"kaitu_{name}{{{inside}}} {value}"


@pytest.mark.parametrize("words", SHOWN)
def test_a_node_is_told_of(words):
    assert line(words) in shown(scene())


def test_all_of_a_deleted_node_vanishes():
    app = scene()
    assert [line for line in shown(app) if 'node="n1"' in line]

    gone(app, KEY, "u1")

    left = generate_latest(app.metrics.registry).decode()
    assert "n1" not in left
    assert "kaitu_nodes 0.0" in left.splitlines()


def test_a_node_may_lie_about_itself_without_making_new_series():
    app = scene(facts={"arch": "made up"})
    disks = tuple(Disk(f"/{number}", 1, 1) for number in range(50))
    known(app).memory.host = replace(HOST, disks=disks)

    lines = shown(app)

    assert len([one for one in lines if one.startswith("kaitu_node_disk_used")]) == MOST_DISKS
    assert not [one for one in lines if "made up" in one]


@pytest.mark.parametrize(
    ("conditions", "contact", "success"),
    [
        (GOOD, UNIX, 0.0),
        ([*GOOD[:2], condition("Ready", "True", "Ready")], UNIX, UNIX),
        ([condition("Reachable", "False", "DialRefused"), *GOOD[1:]], 0.0, 0.0),
        ([], 0.0, 0.0),
    ],
)
def test_a_restart_recalls_what_the_status_proves_and_no_more(conditions, contact, success):
    memory = known(scene(conditions=conditions)).memory

    assert (memory.contact, memory.success) == (contact, success)


def test_a_new_object_of_the_same_name_recalls_nothing_of_the_old():
    app = scene(conditions=[*GOOD[:2], condition("Ready", "True", "Ready")])
    gone(app, KEY, "u1")
    seen(app, "ADDED", node("20", uid="u2"))

    assert known(app).memory.contact == 0.0
    assert not [one for one in shown(app) if one.startswith("kaitu_node_last_contact")]


def test_every_phase_belongs_to_a_reason_of_the_way():
    assert {REASONS[reason].condition for reason in PHASES} == {Condition.REACHABLE}


def test_ssh_is_counted_by_phase_and_reason():
    app = scene()
    app.metrics.logged_in(0.3)
    app.metrics.not_logged_in(KaituError(Reason.AUTH_FAILED, ""))
    app.metrics.ran("probe", None)
    app.metrics.ran("probe", KaituError(Reason.PROBE_REJECTED, ""))

    lines = shown(app)

    assert "kaitu_ssh_login_seconds_count 1.0" in lines
    assert 'kaitu_ssh_errors_total{phase="authenticate",reason="AuthFailed"} 1.0' in lines
    assert 'kaitu_ssh_errors_total{phase="command",reason="ProbeRejected"} 1.0' in lines
    assert 'kaitu_ssh_commands_total{script="probe"} 2.0' in lines


def test_what_is_described_is_what_is_served():
    app = scene()
    told = {one.name: one for one in described()}
    app.metrics.expose(app)
    served = [one for one in app.metrics.registry.collect() if one.name.startswith("kaitu")]

    names = {one.name + ("_total" if one.type == "counter" else "") for one in served}
    assert names == set(told)
    for one in served:
        about = told[one.name + ("_total" if one.type == "counter" else "")]
        assert (about.kind, about.text) == (one.type, one.documentation)
        for sample in one.samples:
            assert set(sample.labels) - {"le"} == set(about.labels)


def test_the_figures_of_the_operator_are_all_given():
    assert scene().figures().keys() == FIGURES.keys()
