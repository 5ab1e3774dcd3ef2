"""The patch of a status: exactly what turns the old one into the new one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.cluster.status import diff
from specs import patched

CONDITIONS = [{"type": "Ready", "status": "True"}, {"type": "Healthy", "status": "True"}]


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({}, {}, {}),
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {}, {"a": None}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": None}, {}, {}),
        ({}, {"a": None}, {}),
        ({}, {"a": {}}, {}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, {}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
        ({"a": [1, 2]}, {"a": [2]}, {"a": [2]}),
        ({"a": [1]}, {"a": []}, {"a": []}),
        ({"c": CONDITIONS}, {"c": CONDITIONS[::-1]}, {"c": CONDITIONS[::-1]}),
        ({"a": 1}, {"a": {}}, {"a": None}),
    ],
)
def test_patch(old: Any, new: Any, patch: Any) -> None:
    assert diff(old, new) == patch


values = st.recursive(
    st.none() | st.integers(-2, 2) | st.sampled_from(["", "x"]) | st.lists(st.integers(0, 2)),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)
statuses = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def meant(value: Any) -> Any:
    """Without nulls and empty objects, which say nothing."""
    if not isinstance(value, dict):
        return value
    kept = {key: meant(inner) for key, inner in value.items()}
    return {key: inner for key, inner in kept.items() if inner is not None and inner != {}}


@given(statuses, statuses)
def test_patch_leads_from_old_to_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert meant(patched(old, diff(old, new))) == meant(new)


@given(statuses, statuses)
def test_nothing_is_sent_where_nothing_differs(old: dict[str, Any], new: dict[str, Any]) -> None:
    after = patched(old, diff(old, new))
    assert diff(after, new) == {}
    assert diff(old, old) == {}
