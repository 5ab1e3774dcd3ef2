"""What is read from a compose file; the node's compose has the last word on it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.core import composefile
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from lab.stack import NEW_STACK, OLD_STACK


@pytest.mark.parametrize(
    ("text", "services"),
    [
        (NEW_STACK, ("k2-sidecar", "k2v5", "k2v4-slave", "k2-oc")),
        (OLD_STACK, ("k2-sidecar", "k2-slave", "k2-oc")),
    ],
)
def test_the_fleets_stacks(text: str, services: tuple[str, ...]) -> None:
    file = composefile.read(text)

    assert file.services == services
    assert file.gate == ("k2-sidecar",)
    assert file.once == frozenset()


def test_profiles_and_services_that_end() -> None:
    file = composefile.read(
        "services:\n"
        "  job: {image: a}\n"
        "  never: {image: a, restart: 'no'}\n"
        "  debug: {image: a, profiles: [debug]}\n"
        "  main: {image: a, restart: always, depends_on: [job]}\n"
    )

    assert file.services == ("job", "never", "main")
    assert file.profiled == {"debug"}
    assert file.once == {"job", "never"}
    assert file.gate == ()


def test_a_gate_is_what_is_awaited_as_healthy_and_starts() -> None:
    file = composefile.read(
        "services:\n"
        "  a: {image: i}\n"
        "  p: {image: i, profiles: [p]}\n"
        "  b: {image: i, depends_on: {a: {condition: service_started}}}\n"
        "  c:\n"
        "    image: i\n"
        "    depends_on: {b: {condition: service_healthy}, p: {condition: service_healthy}}\n"
    )

    assert file.gate == ("b",)


def test_composes_own_tags_are_no_obstacle() -> None:
    file = composefile.read(
        "services:\n  a: {image: i, ports: !override ['1:1'], command: !reset }\n"
    )

    assert file.services == ("a",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "services",
        "services: {}",
        "services: []",
        "services: {a: b}",
        "services: {a: {profiles: [x]}}",
        "a: [b",
        "services: {a: {image: !!python/object/apply:os.getcwd []}}\n---\n",
        "[" * 5000,
    ],
)
def test_what_no_compose_could_take(text: str) -> None:
    with pytest.raises(KaituError) as error:
        composefile.read(text)

    assert error.value.reason is Reason.COMPOSE_INVALID


def test_a_message_never_quotes_the_file() -> None:
    with pytest.raises(KaituError) as error:
        composefile.read("services: {a: 'canary-1'}\ncanary-2: [")

    assert "canary" not in str(error.value)


@given(st.text("services: {}[]!&*<-\n\t'\"#a", max_size=60))
def test_no_text_is_a_defect(text: str) -> None:
    with contextlib.suppress(KaituError):
        composefile.read(text)
