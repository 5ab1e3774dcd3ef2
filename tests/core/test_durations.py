"""Go durations: read as Go does, and bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from kaitu.core.durations import Duration, between, seconds


@pytest.mark.parametrize(
    ("text", "length"),
    [("0s", 0), ("60s", 60), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25), ("24h", 86400)],
)
def test_lengths(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize(
    "text", ["", "60", "s", "1 s", "-1s", "+1s", "1d", "1s\n", "\uff11s", ".5s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a Go duration"):
        seconds(text)
    with pytest.raises(ValidationError):
        TypeAdapter(Duration).validate_python(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(hours: int, minutes: int, rest: int) -> None:
    assert seconds(f"{hours}h{minutes}m{rest}s") == hours * 3600 + minutes * 60 + rest


@given(st.integers(0, 200))
def test_a_range_includes_its_ends(length: int) -> None:
    assert between("5s", "2m").holds(f"{length}s") == (5 <= length <= 120)
