"""The judge of the .env campaign finds every kind of lie; else its silence would mean nothing."""

from dataclasses import replace

import pytest

from aspects.dotenvs import disagreements
from kaitu.core.facts import EnvFacts

TRUTH = {"A": "x", "K2_NODE_SECRET": "s", "COMPOSE_FILE": "f"}
WISHES = {"A": "x", "AB": "y"}
HONEST = EnvFacts(
    present=True,
    states={"A": "same", "AB": "missing"},
    protected_present=True,
    compose_names=("COMPOSE_FILE",),
)


def test_an_honest_probe_has_no_disagreement() -> None:
    assert list(disagreements(HONEST, WISHES, TRUTH)) == []


@pytest.mark.parametrize(
    "lie",
    [
        replace(HONEST, states={"A": "missing", "AB": "missing"}),
        replace(HONEST, states={"A": "same", "AB": "differs"}),
        replace(HONEST, states={"A": "same", "AB": "same"}),
        replace(HONEST, protected_present=False),
        replace(HONEST, unclosed=True),
        replace(HONEST, compose_names=()),
    ],
)
def test_a_lie_is_found(lie: EnvFacts) -> None:
    assert list(disagreements(lie, WISHES, TRUTH))


def test_a_value_that_is_not_the_one_of_compose_is_found() -> None:
    assert list(disagreements(HONEST, {**WISHES, "A": "X"}, TRUTH))
