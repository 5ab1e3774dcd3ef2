"""From objects to values: what may be sent to a node, and what is missing."""

import base64
from typing import Any

import pytest

from kaitu.api.node import validate
from kaitu.api.policy import Policy
from kaitu.api.resolve import configmap_value, desired, references, secret_value, ssh_key
from kaitu.core.desired import Reference
from kaitu.core.errors import KaituError
from kaitu.core.models import Mode
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.core.sections import HealthSpec
from specs import good, patched

KEY = Reference("Secret", "kaitu-env", "radius")
FILE = Reference("ConfigMap", "compose-5.4.0", "docker-compose.yml")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def secret(**body: Any) -> dict[str, Any]:
    labels = {"fleet.kaitu.io/use": "env"}
    return {"metadata": {"name": "kaitu-env", "labels": labels}, "type": "Opaque", **body}


def test_references_are_those_of_env_and_the_compose_file_each_once() -> None:
    again = {"name": "B", "valueFrom": {"secretKeyRef": {"name": "kaitu-env", "key": "radius"}}}
    spec = patched(good(), {"env": {"vars": [*good()["env"]["vars"], again]}})

    assert references(validate(spec)) == (KEY, FILE)


@pytest.mark.parametrize(
    ("patch", "wanted"),
    [
        ({"env": None, "compose": None}, ()),
        ({"env": None, "compose": {"file": {"inline": "services: {}"}}}, ()),
        ({"env": None, "compose": {"version": "5.5.0-rc.1"}}, ("compose-5.5.0-rc.1",)),
        (
            {"env": None, "compose": {"file": {"configMapRef": {"name": "mine", "key": "k"}}}},
            ("mine",),
        ),
    ],
)
def test_where_the_compose_file_comes_from(patch: object, wanted: tuple[str, ...]) -> None:
    found = references(validate(patched(good(), patch)))

    assert tuple(reference.name for reference in found) == wanted


@pytest.mark.parametrize(
    "body",
    [
        secret(data={"radius": b64("tällt".encode())}),
        secret(stringData={"radius": "tällt"}),
        secret(data={"radius": b64(b"older")}, stringData={"radius": "tällt"}),
    ],
)
def test_a_value_of_a_secret(body: dict[str, Any]) -> None:
    assert secret_value(body, KEY).reveal() == "tällt"


UNMARKED = {"metadata": {"name": "kaitu-env"}, "type": "Opaque", "data": {"radius": b64(b"x")}}
OTHER_USE = {**UNMARKED, "metadata": {"labels": {"fleet.kaitu.io/use": "ssh"}}}


@pytest.mark.parametrize(
    ("body", "reason", "says"),
    [
        (UNMARKED, Reason.REFERENCE_INVALID, "lacks the label fleet.kaitu.io/use: env"),
        (OTHER_USE, Reason.REFERENCE_INVALID, "lacks the label fleet.kaitu.io/use: env"),
        (
            secret(type="kubernetes.io/service-account-token", data={"radius": b64(b"x")}),
            Reason.REFERENCE_INVALID,
            "is of type kubernetes.io/service-account-token, not Opaque",
        ),
        (secret(data={"other": b64(b"x")}), Reason.REFERENCE_NOT_FOUND, "has no key radius"),
        (secret(data=None), Reason.REFERENCE_NOT_FOUND, "has no key radius"),
        (secret(data={"radius": b64(b"\xff")}), Reason.REFERENCE_INVALID, "is not UTF-8 text"),
        (secret(data={"radius": "?"}), Reason.REFERENCE_INVALID, "is not UTF-8 text"),
    ],
)
def test_a_secret_that_is_not_sent(body: dict[str, Any], reason: Reason, says: str) -> None:
    with pytest.raises(KaituError) as caught:
        secret_value(body, KEY)

    assert caught.value.reason is reason
    assert says in caught.value.message
    assert "kaitu-env" in caught.value.message


@pytest.mark.parametrize(
    "field", [{"data": {FILE.key: "a"}}, {"binaryData": {FILE.key: b64(b"a")}}]
)
def test_a_value_of_a_configmap(field: dict[str, Any]) -> None:
    assert configmap_value({"metadata": {}, **field}, FILE).reveal() == "a"


def test_a_configmap_without_the_key() -> None:
    with pytest.raises(KaituError, match="ConfigMap compose-5\\.4\\.0 has no key"):
        configmap_value({"metadata": {}}, FILE)


def test_a_key_to_log_in_with() -> None:
    body = {"type": "kubernetes.io/ssh-auth", "data": {"ssh-privatekey": b64(b"key")}}

    assert ssh_key(body, "kaitu-ssh").reveal() == "key"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"type": "Opaque", "data": {"ssh-privatekey": b64(b"key")}}, "is of type Opaque"),
        ({"data": {"ssh-privatekey": b64(b"key")}}, "is of type Opaque"),
        ({"type": "kubernetes.io/ssh-auth", "data": {"id": b64(b"key")}}, "no key ssh-privatekey"),
        ({"type": "kubernetes.io/ssh-auth", "data": {"ssh-privatekey": "?"}}, "not UTF-8"),
    ],
)
def test_a_key_that_is_none(body: dict[str, Any], says: str) -> None:
    with pytest.raises(KaituError) as caught:
        ssh_key(body, "kaitu-ssh")

    assert caught.value.reason is Reason.KEY_INVALID
    assert says in caught.value.message


def test_desired_has_our_defaults_and_the_policys_names() -> None:
    spec = validate({"connection": good()["connection"], "sysctl": {}})

    found = desired("fleet", "vps-1", spec, {}, Policy(protected_env=("k2_radius_key",)))

    assert (found.namespace, found.name) == ("fleet", "vps-1")
    assert (found.directory, found.mode) == ("/apps/kaitu-slave", Mode.ENFORCE)
    assert found.protected == {"K2_NODE_SECRET", "K2_RADIUS_KEY"}
    assert found.sections == {"sysctl": spec.sysctl, "health": HealthSpec()}
    assert found.refused == {}


def test_desired_takes_what_the_spec_says() -> None:
    spec = validate(patched(good(), {"mode": "Observe", "compose": {"directory": "/apps/b"}}))

    found = desired("fleet", "vps-1", spec, {KEY: Secret("x")}, Policy())

    assert (found.directory, found.mode) == ("/apps/b", Mode.OBSERVE)
    assert found.value(KEY).reveal() == "x"


def test_desired_says_what_the_policy_refuses() -> None:
    spec = validate(patched(good(), {"compose": {"directory": "/etc"}}))

    assert set(desired("fleet", "vps-1", spec, {}, Policy()).refused) == {"compose", "env"}
