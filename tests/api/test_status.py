"""The status: every field has its place, and what is too long is cut instead of refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aspects.cases import Case, every, plain
from kaitu.api.bounds import fitted
from kaitu.api.crd import schema
from kaitu.api.status import NodeStatus
from specs import full_status, longest_status


def fields(node: dict[str, Any]) -> set[str]:
    """The names of all fields below a node of a schema."""
    below = [child for child in (*node.get("properties", {}).values(), node.get("items")) if child]
    return set(node.get("properties", {})).union(*(fields(child) for child in below))


def names(value: Any) -> set[str]:
    """The names of all fields below a value."""
    if isinstance(value, dict):
        return set(value).union(*(names(inner) for inner in value.values()))
    return set().union(*(names(item) for item in value)) if isinstance(value, list) else set()


def test_the_example_has_every_field_and_fits() -> None:
    status = full_status()

    NodeStatus.model_validate(status)
    assert names(status) == fields(schema(NodeStatus))
    assert fitted(status) == status


def test_what_is_too_long_is_cut_to_what_fits() -> None:
    status = longest_status()

    cut = fitted(status)

    NodeStatus.model_validate(cut)
    assert fitted(cut) == cut
    assert cut["aspects"][0]["message"].endswith("...")
    assert len(cut["drift"]) == 20
    assert "..." not in cut["drift"][0]["kind"]


@given(st.lists(st.text(max_size=2000), max_size=40), st.text(max_size=2000))
def test_any_text_and_any_list_fits_afterwards(texts: list[str], text: str) -> None:
    cut = fitted({"facts": {"ipv6": texts, "os": text}, "architecture": text})

    NodeStatus.model_validate(cut)
    assert text.startswith(cut["facts"]["os"].removesuffix("..."))


def test_zero_and_false_stay() -> None:
    status = {"env": {"managed": 0, "inSync": 0, "protectedPresent": False}}

    assert fitted(status) == status


@pytest.mark.parametrize("case", every(), ids=str)
def test_what_an_aspect_reports_has_its_place(case: Case) -> None:
    """A field that the schema lacks is dropped by the server, and would be written every visit."""
    told = plain(case.aspect.report(case.want(), case.facts()))

    for apart in ("held", "answered"):  # the engine moves them to revision.held and to handled
        told.pop(apart, None)
    NodeStatus.model_validate(told)
    assert fitted(told) == told
