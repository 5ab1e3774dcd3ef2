"""Which event is said, and how it looks."""

from dataclasses import dataclass
from datetime import UTC, datetime

from kaitu.cluster.events import MOST_NOTE, SAME_FOR, Memory, event

ABOUT = {"namespace": "fleet", "name": "n1", "uid": "u"}
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@dataclass(frozen=True)
class Note:
    reason: str
    note: str
    warning: bool = False


def test_shape() -> None:
    made = event(ABOUT, Note("GateFailed", "sick", True), NOW, "pod-1")
    assert made.pop("metadata")["name"].startswith("n1.")
    assert made == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "regarding": {"apiVersion": "fleet.kaitu.io/v1alpha1", "kind": "KaituNode", **ABOUT},
        "eventTime": "2026-01-02T03:04:05.678901Z",
        "type": "Warning",
        "reason": "GateFailed",
        "action": "Visit",
        "note": "sick",
        "reportingController": "fleet.kaitu.io/kaitu-operator",
        "reportingInstance": "pod-1",
    }


def test_bounds_are_kept_within_letters() -> None:
    made = event(
        {**ABOUT, "name": f"{'a' * 199}.b"}, Note("Applied", f"a{'ü' * 1000}"), NOW, "pod-1"
    )
    assert ".." not in made["metadata"]["name"]
    assert len(made["metadata"]["name"]) <= 253
    assert made["note"] == "a" + "ü" * (MOST_NOTE // 2 - 1)
    assert made["type"] == "Normal"


def test_names_differ() -> None:
    names = {event(ABOUT, Note("A", "a"), NOW, "p")["metadata"]["name"] for _ in range(100)}
    assert len(names) == 100


def test_same_thing_is_new_again_after_a_while() -> None:
    memory = Memory()
    assert memory.is_new(("u", "A", "1"), 0.0)
    assert not memory.is_new(("u", "A", "1"), SAME_FOR - 1)
    assert memory.is_new(("u", "A", "2"), SAME_FOR - 1)
    assert memory.is_new(("other", "A", "1"), SAME_FOR - 1)
    assert memory.is_new(("u", "A", "1"), SAME_FOR)


def test_what_was_not_sent_is_new_and_old_things_are_forgotten() -> None:
    memory = Memory()
    assert memory.is_new(("u", "A", "1"), 0.0)
    memory.forget(("u", "A", "1"))
    assert memory.is_new(("u", "A", "1"), 1.0)
    for number in range(1000):
        memory.is_new(("u", "A", str(number)), 2.0 + number)
    assert memory.is_new(("last", "A", "1"), 1002.0 + SAME_FOR)
    assert len(memory) == 1
