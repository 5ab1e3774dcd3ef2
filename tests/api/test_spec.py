"""What a spec may say: the tables that the API server is held to as well, see test_crd.py."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kaitu.api.node import ASPECTS, NodeSpec, validate
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.sections import EnvSpec
from specs import Case, cases, good, objects, patched


@pytest.mark.parametrize("case", cases("accepted"), ids=str)
def test_a_good_spec_is_accepted(case: Case) -> None:
    validate(case.spec)


@pytest.mark.parametrize("case", cases("refused"), ids=str)
def test_a_mistake_is_named_by_its_path_and_rule(case: Case) -> None:
    with pytest.raises(KaituError) as caught:
        validate(case.spec)

    assert caught.value.reason is Reason.INVALID_SPEC
    assert caught.value.message.startswith(f"{case.at}: ")
    assert case.says in caught.value.message
    assert "planted" not in caught.value.message


@given(value=st.text(min_size=6).map("planted".__add__), name=st.sampled_from(["K2OC_PORT", "A'"]))
def test_no_message_and_no_repr_tells_a_value(value: str, name: str) -> None:
    spec = patched(good(), {"env": {"vars": [{"name": name, "value": value}]}})

    with pytest.raises(KaituError) as caught:
        validate(spec)

    assert "planted" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_not_even_the_library_s_own_error_tells_a_value() -> None:
    with pytest.raises(ValidationError) as caught:
        EnvSpec.model_validate({"vars": [{"name": "A", "value": "planted-'"}]})

    assert "planted" not in f"{caught.value} {caught.value!r}"


def test_the_repr_of_a_spec_holds_no_value() -> None:
    spec = validate(patched(good(), {"env": {"vars": [{"name": "A", "value": "planted"}]}}))

    assert "planted" not in repr(spec)


def test_a_value_that_json_lacks_is_refused() -> None:
    with pytest.raises(KaituError, match="a value that JSON lacks"):
        validate({"interval": object()})


def test_more_mistakes_than_three_are_counted() -> None:
    wrong = {"firewall": {}, "packages": {}, "jumps": [], "mode": "x", "interval": "x"}

    with pytest.raises(KaituError, match=r"; and 2 more$"):
        validate(patched(good(), wrong))


WORDS = st.sampled_from(["vars", "entries", "settings", "name", "value", "valueFrom", "mode"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
)


@given(section=st.sampled_from(sorted(ASPECTS)), anything=ANYTHING)
def test_whatever_comes_is_a_spec_or_one_known_error(section: str, anything: object) -> None:
    spec = {"connection": good()["connection"], section: anything}

    found: NodeSpec | KaituError
    try:
        found = validate(spec)
    except KaituError as error:
        found = error

    assert isinstance(found, NodeSpec) or found.reason is Reason.INVALID_SPEC


@pytest.mark.parametrize("name", ["minimal", "full"])
def test_the_samples_are_good(name: str) -> None:
    nodes = [one for one in objects(name) if one["kind"] == "KaituNode"]

    assert [validate(node["spec"]).connection.host for node in nodes] == ["203.0.113.7"]


def test_our_defaults() -> None:
    spec = validate({"connection": good()["connection"] | {"port": None, "user": None}})

    assert (spec.interval_seconds, spec.timeout_seconds, spec.retry_seconds) == (60, 60, 1)
    assert (spec.connection.port_number, spec.connection.user_name) == (22, "root")
    assert spec.sections == {}


def test_our_defaults_for_compose_and_health() -> None:
    bare = {"connection": good()["connection"], "compose": {"version": "5.4.0"}, "health": {}}
    spec = validate(bare)

    assert spec.compose
    assert spec.health
    assert str(spec.compose.reference) == "ConfigMap compose-5.4.0, key docker-compose.yml"
    assert spec.compose.oldest_plugin == (2, 20)
    assert (spec.compose.attempts, spec.compose.jitter_seconds) == (5, 0)
    assert (spec.compose.gate_services, spec.compose.gate_seconds) == (None, 60)
    assert (spec.health.limits.warn, spec.health.limits.fail) == (80, 90)


def test_zero_is_a_value() -> None:
    spec = validate(patched(good(), {"compose": {"update": {"gate": {"services": []}}}}))

    assert spec.compose
    assert spec.compose.gate_services == ()


def test_present_sections_go_by_the_names_of_their_aspects() -> None:
    spec = validate(patched(good(), {"cron": {"entries": []}, "env": None}))

    assert set(spec.sections) == ASPECTS.keys() - {"env"}
    assert all(aspect.name == name for name, aspect in ASPECTS.items())


def test_every_section_with_an_aspect_is_a_field_and_order_follows_reads() -> None:
    fields = list(NodeSpec.model_fields)

    for name, aspect in ASPECTS.items():
        assert all(fields.index(read) < fields.index(name) for read in aspect.reads), name


@pytest.mark.parametrize("case", cases("accepted"), ids=str)
def test_a_spec_is_the_same_in_parts_and_whole(case: Case) -> None:
    """Sections are validated apart: a rule of the whole spec would not be asked then."""
    whole = NodeSpec.model_validate_json(json.dumps(case.spec), strict=True)

    assert validate(case.spec) == whole
    assert not NodeSpec.RULES


def test_nodes_that_are_alike_share_their_sections() -> None:
    one, other = validate(good()), validate(patched(good(), {"mode": "Observe"}))

    assert all(other.sections[name] is section for name, section in one.sections.items())
    assert one.sections
    assert one.mode != other.mode
