"""Which variables are refused before anything reaches a node, and what is said about it."""

from typing import Any

import pytest

from kaitu.aspects import env
from kaitu.core.desired import Desired, Reference
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.core.sections import EnvSpec, EnvVarSpec

CANARY = "canary-0c4e"
RADIUS = Reference("Secret", "kaitu-env", "radius")
FROM = {"secretKeyRef": {"name": RADIUS.name, "key": RADIUS.key}}


def refused(name: str, *, protected: frozenset[str] = frozenset(), **about: Any) -> KaituError:
    """Of a spec that no schema has seen: the operator does not lean on the API server's checks."""
    var = EnvVarSpec.model_construct(name=name, value=about.get("value"), value_from=None)
    values: dict[Reference, Any] = {}
    if "secret" in about:
        var = EnvVarSpec.model_validate({"name": name, "valueFrom": FROM})
        values[RADIUS] = about["secret"]
    section = EnvSpec.model_construct(vars=(var,))
    with pytest.raises(KaituError) as caught:
        env.want(
            section, Desired("fleet", "node-1", {"env": section}, values, protected=protected)
        )
    return caught.value


@pytest.mark.parametrize("name", ["OTHER_SECRET", "other_secret", "Other_Secret"])
def test_a_protected_name_is_refused_in_any_spelling(name: str) -> None:
    error = refused(name, value=CANARY, protected=frozenset({"OTHER_SECRET"}))

    assert (error.reason, error.message) == (
        Reason.PROTECTED_NAME,
        f"{name} is protected: never written",
    )


@pytest.mark.parametrize("name", ["K2_NODE_SECRET", "k2_Node_secret", "COMPOSE_FILE", "compose_x"])
def test_some_names_are_refused_whatever_the_policy_says(name: str) -> None:
    error = refused(name, value=CANARY)

    assert error.reason in {Reason.INVALID_SPEC, Reason.PROTECTED_NAME}
    assert CANARY not in str(error)


@pytest.mark.parametrize("odd", ["'", "\\", "\n", "\r", "\0", "\ud800"])
def test_a_value_that_no_line_can_hold_is_refused_and_not_shown(odd: str) -> None:
    written = refused("A", value=f"{CANARY}{odd}")
    referenced = refused("A", secret=Secret(f"{CANARY}{odd}"))

    assert written.reason is Reason.INVALID_SPEC
    assert referenced.reason is Reason.REFERENCE_INVALID
    assert referenced.message.startswith("A, from Secret kaitu-env, key radius, must ")
    assert CANARY not in f"{written} {referenced}"


def test_a_known_variable_has_its_format_also_from_a_secret() -> None:
    error = refused("K2V4_PORT", secret=Secret("70000"))

    assert error.reason is Reason.REFERENCE_INVALID
    assert error.message.endswith("must be a port from 1 to 65535")
    assert "70000" not in error.message


def test_a_rule_over_two_variables_holds_with_secrets_too() -> None:
    section = EnvSpec.model_validate(
        {
            "vars": [
                {"name": "K2_HOP_PORT_MIN", "value": "40000"},
                {"name": "K2_HOP_PORT_MAX", "valueFrom": FROM},
            ]
        }
    )
    desired = Desired("fleet", "node-1", {"env": section}, {RADIUS: Secret("50000")})

    with pytest.raises(KaituError, match="range of 1 to 100 ports"):
        env.want(section, desired)


def test_what_a_reference_lacks_is_passed_on() -> None:
    missing = KaituError(Reason.REFERENCE_NOT_FOUND, "Secret kaitu-env does not exist")

    assert refused("A", secret=missing) is missing
