"""How often something may be done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.cluster import events, references
from kaitu.cluster.bucket import Bucket


def test_burst_and_then_the_rate() -> None:
    bucket = Bucket(rate=2, burst=3)
    assert [bucket.wait(0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.wait(0.25) == 0.25
    assert bucket.wait(0.5) == 0
    assert bucket.wait(0.5) == 0.5
    assert [bucket.wait(60.0) for _ in range(4)] == [0, 0, 0, 0.5]


@pytest.mark.parametrize(
    ("rate", "burst", "most"),
    [(references.RATE, references.BURST, 20), (events.RATE, events.BURST, 110)],
)
@given(pauses=st.lists(st.floats(0, 0.3), min_size=50, max_size=300))
def test_no_second_has_more_than_it_may(
    rate: float, burst: int, most: int, pauses: list[float]
) -> None:
    bucket, now, taken = Bucket(rate, burst), 0.0, []
    for pause in pauses:
        now += pause
        if not bucket.wait(now):
            taken.append(now)
    for first, later in zip(taken, taken[most:], strict=False):
        assert later - first > 1 - 1e-6


@given(st.floats(0.1, 100), st.integers(1, 50), st.floats(0, 1e7))
def test_one_who_waits_as_told_gets_his_turn(rate: float, burst: int, start: float) -> None:
    bucket, now = Bucket(rate, burst), start
    for _ in range(burst + 5):
        told = 0
        while pause := bucket.wait(now):
            now += pause
            told += 1
            assert told < 4
