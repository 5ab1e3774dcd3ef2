"""When a lease may be taken, as a table and as laws."""

from collections import Counter
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.cluster.tenure import (
    LASTS,
    MOST_SHARDS,
    SHARDS,
    TRUSTED,
    Create,
    Seen,
    Take,
    Wait,
    decide,
    observe,
    patience,
    released,
    renewed,
    shard_of,
    shards,
    taken,
    trusted,
)

ME, OTHER = "me", "other"
NAME = {"name": "kaitu-operator", "namespace": "kaitu-system"}


def lease(
    holder: str | None = OTHER, version: str = "7", lasts: int | None = LASTS
) -> dict[str, Any]:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": lasts, "leaseTransitions": 3}
    return {"metadata": {**NAME, "resourceVersion": version}, "spec": spec}


@pytest.mark.parametrize(
    ("found", "since", "now", "decision"),
    [
        (None, None, 0.0, Create()),
        (lease(holder=""), 0.0, 0.0, Take()),
        (lease(holder=None), 0.0, 0.0, Take()),
        ({"metadata": {"resourceVersion": "7"}}, 0.0, 0.0, Take()),
        (lease(holder=ME), 0.0, 0.0, Take()),
        (lease(), 0.0, 0.0, Wait(15.0)),
        (lease(), 0.0, 14.9, Wait(15.0 - 14.9)),
        (lease(), 0.0, 15.0, Take()),
        (lease(), 100.0, 114.0, Wait(1.0)),
        (lease(lasts=None), 0.0, 14.0, Wait(1.0)),
        (lease(lasts=60), 0.0, 15.0, Wait(45.0)),
    ],
)
def test_decision(found: Any, since: float | None, now: float, decision: Any) -> None:
    seen = None if since is None else Seen("7", since)
    assert decide(found, seen, ME, now) == decision


def test_every_change_is_waited_for_anew() -> None:
    first = observe(None, lease(version="7"), 10.0)
    assert first == Seen("7", 10.0)
    assert observe(first, lease(version="7"), 20.0) == first
    assert observe(first, lease(version="8"), 20.0) == Seen("8", 20.0)
    assert observe(first, None, 20.0) is None


@given(st.lists(st.floats(0.01, 9.9), max_size=20), st.floats(0, 1e6), st.floats(0, 5))
def test_lease_of_one_who_renews_is_never_taken(
    gaps: list[float], start: float, delay: float
) -> None:
    """However the renewals fall, as long as the holder's own rule lets it write."""
    seen, sent = None, start
    for version, gap in enumerate(gaps):
        seen = observe(seen, lease(version=str(version)), sent + delay)
        assert isinstance(decide(lease(version=str(version)), seen, ME, sent + gap + delay), Wait)
        sent += gap


@given(st.floats(0, 1e6), st.floats(0, 1e3), st.floats(0, 1e3))
def test_nobody_takes_while_the_holder_may_write(sent: float, delay: float, after: float) -> None:
    """The observer sees a renewal later than it was sent, by any delay."""
    seen = observe(None, lease(), sent + delay)
    now = sent + delay + after
    if isinstance(decide(lease(), seen, ME, now), Take):
        assert not trusted(sent, now)


@pytest.mark.parametrize(
    ("sent", "now", "may"),
    [
        (None, 5.0, False),
        (5.0, 5.0, True),
        (5.0, 5.0 + TRUSTED - 0.01, True),
        (5.0, 5.0 + TRUSTED, False),
        (5.0, 4.0, False),
    ],
)
def test_trust_in_a_renewal_ends(sent: float | None, now: float, may: bool) -> None:
    assert trusted(sent, now) is may


def test_written_leases() -> None:
    new = taken(None, NAME, ME, "t0", {"a": "new"})
    assert new["metadata"] == {**NAME, "annotations": {"a": "new"}}
    assert new["spec"]["leaseTransitions"] == 0
    found = taken(lease(), NAME, ME, "t1", {"a": "new"})
    assert found["metadata"]["resourceVersion"] == "7"
    assert found["metadata"]["annotations"] == {"a": "new"}
    assert found["spec"] == {
        "holderIdentity": ME,
        "leaseDurationSeconds": LASTS,
        "acquireTime": "t1",
        "renewTime": "t1",
        "leaseTransitions": 4,
    }
    assert renewed(found, "t2")["spec"] == {**found["spec"], "renewTime": "t2"}
    assert released(found, "t3", {})["spec"]["holderIdentity"] == ""


@given(st.uuids(), st.integers(1, MOST_SHARDS))
def test_an_object_belongs_to_one_shard_for_ever(uid: UUID, count: int) -> None:
    found = shard_of(str(uid), count)
    assert found == shard_of(str(uid), count)
    assert 0 <= found < count


def test_objects_are_spread_over_all_shards() -> None:
    sizes = Counter(shard_of(str(uuid5(NAMESPACE_URL, str(n))), 4) for n in range(4000))
    assert min(sizes.values()) > 900


@pytest.mark.parametrize(
    ("annotations", "number"),
    [(None, 1), ({}, 1), ({SHARDS: "3"}, 3), ({SHARDS: "many"}, 1), ({SHARDS: "-3"}, 1)],
)
def test_number_of_shards_in_force(annotations: Any, number: int) -> None:
    """A Lease of a version that knew no shards says nothing, and means one."""
    assert shards({"metadata": {"annotations": annotations}}) == number


def test_no_lease_no_number() -> None:
    assert shards(None) is None


def test_who_leads_little_is_faster() -> None:
    """And whoever takes over does so well within half a minute of a death."""
    assert patience(0) == 0
    assert patience(0) < patience(1) < patience(2)
    assert LASTS + patience(MOST_SHARDS) <= 25
