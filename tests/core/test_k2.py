"""What is known of the variables of a node, wherever their values come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.core.k2 import FORMATS, check_variable, check_variables, refused_name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("K2_DOMAIN", "*.example.com"),
        ("K2OC_DOMAIN", "oc.example.com"),
        ("K2V4_PORT", "1"),
        ("K2OC_PORT", "65535"),
        ("K2_HOP_PORT_MIN", "10020"),
        ("K2OC_ENABLED", "false"),
        ("K2_LOG_LEVEL", "warn"),
        ("K2_CENTER_URL", "https://k2.52j.me"),
        ("K2_NODE_BILLING_START_DATE", "2024-02-29"),
        ("K2_NODE_TRAFFIC_LIMIT_GB", "0"),
        ("K2_NODE_TRAFFIC_LIMIT_GB", "2000"),
        ("K2_RADIUS_KEY", 'any $value # at "all" ='),
        ("NODE_SECRET", ""),
    ],
)
def test_values_that_are_right(name: str, value: str) -> None:
    assert check_variable(name, value) is None


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("K2_DOMAIN", "*.*.example.com", "domain name"),
        ("K2_DOMAIN", "", "domain name"),
        ("K2_DOMAIN", "example.com\n", "line break"),
        ("K2V4_PORT", "08443", "port"),
        ("K2V4_PORT", "65536", "port"),
        ("K2V4_PORT", "८", "port"),
        ("K2OC_ENABLED", "TRUE", "true or false"),
        ("K2_LOG_LEVEL", "WARN", "one of debug"),
        ("K2_CENTER_URL", "ftp://k2.example", "URL"),
        ("K2_NODE_BILLING_START_DATE", "2025-02-29", "a day that exists"),
        ("K2_NODE_BILLING_START_DATE", "20250101", "YYYY-MM-DD"),
        ("K2_NODE_TRAFFIC_LIMIT_GB", "1.5", "whole number"),
        ("K2_NODE_SECRET", "x", "K2_NODE_SECRET"),
        ("k2_node_secret", "x", "K2_NODE_SECRET"),
        ("COMPOSE_PROJECT_NAME", "x", "COMPOSE_*"),
        ("A", "it's", "single quote"),
        ("A", "a\\b", "backslash"),
        ("A", "a\rb", "line break"),
        ("A", "a\0b", "NUL"),
    ],
)
def test_values_that_break_a_rule(name: str, value: str, rule: str) -> None:
    said = check_variable(name, value)

    assert said is not None
    assert rule in said


NAMES = st.sampled_from(["A", *(name for known in FORMATS for name in known.names)])


@given(NAMES, st.text(min_size=12).map("planted".__add__))
def test_no_rule_tells_the_value(name: str, value: str) -> None:
    assert "planted" not in (check_variable(name, value) or "")


@given(st.integers(1, 65535), st.integers(1, 65535))
def test_hop_ports_are_a_range_of_one_to_a_hundred(least: int, most: int) -> None:
    said = check_variables({"K2_HOP_PORT_MIN": str(least), "K2_HOP_PORT_MAX": str(most)})

    assert (said is None) == (len(range(least, most + 1)) in range(1, 101))


@pytest.mark.parametrize("name", ["K2_HOP_PORT_MIN", "K2_HOP_PORT_MAX"])
def test_one_end_alone_is_no_range(name: str) -> None:
    assert check_variables({name: "10020"}) is None


@given(st.sampled_from(["K2_NODE_SECRET", "COMPOSE_FILE"]), st.integers(0))
def test_names_are_refused_in_any_spelling(name: str, bits: int) -> None:
    mixed = "".join(c.lower() if bits >> i & 1 else c for i, c in enumerate(name))

    assert refused_name(mixed)
    assert not refused_name(f"X{mixed}")
