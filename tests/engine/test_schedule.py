import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.core.reasons import Retry
from kaitu.engine.schedule import DELAYS, Pace, backoff, poll, regular, spread

PACE = Pace(interval=60, timeout=60, first_retry=1)
CHANCE = st.floats(0, 1)


@given(retry=st.sampled_from(Retry), attempt=st.integers(1, 10_000), chance=CHANCE)
def test_a_delay_is_never_zero_and_never_beyond_its_class(retry, attempt, chance):
    assert 0 < backoff(retry, attempt, PACE, chance) <= max(DELAYS[retry])


@given(retry=st.sampled_from(Retry), attempt=st.integers(1, 30))
def test_delays_grow_until_their_cap(retry, attempt):
    assert backoff(retry, attempt + 1, PACE, 1) >= backoff(retry, attempt, PACE, 1)


def test_the_specs_first_retry_is_that_of_transient_failures():
    assert backoff(Retry.TRANSIENT, 1, Pace(60, 60, 7), 1) == 7


def test_a_first_retry_that_is_longer_than_its_class_is_kept_to():
    assert [backoff(Retry.TRANSIENT, n, Pace(60, 60, 600), 1) for n in (1, 2)] == [600, 600]


@given(chance=CHANCE)
def test_the_interval_moves_by_ten_per_cent(chance):
    assert 54 <= regular(PACE, chance) <= 66


def test_a_job_is_polled_soon_and_then_less_often():
    assert poll(0) == 0.5
    assert poll(1000) == 5
    waited = [sum(poll(m) for m in range(n)) for n in range(1, 20)]
    assert all(poll(n) <= 0.5 + 0.11 * done for n, done in enumerate(waited, 1))


def test_first_visits_spread_over_the_interval():
    places = [spread(f"uid-{n}", 60) for n in range(1000)]

    assert all(0 <= place < 60 for place in places)
    assert 25 < sum(places) / len(places) < 35
    assert len({int(place) for place in places}) == 60


@pytest.mark.parametrize(("interval", "timeout", "stale"), [(60, 60, 240), (1, 5, 8)])
def test_freshness_ends_after_three_intervals_and_the_deadline(interval, timeout, stale):
    assert Pace(interval, timeout, 1).stale_after == stale
