"""From a spec and the objects it names to ``Desired``, which the engine works from."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from kaitu.api.node import NodeSpec
from kaitu.api.policy import Policy, denied
from kaitu.core.desired import DEFAULT_DIRECTORY, NOTHING_ASKED, Desired, Reference, Requests
from kaitu.core.errors import KaituError
from kaitu.core.models import Mode
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.core.sections import HealthSpec

USE_LABEL: Final = "fleet.kaitu.io/use"
USE_ENV: Final = "env"
SSH_TYPE: Final = "kubernetes.io/ssh-auth"
SSH_KEY: Final = "ssh-privatekey"
ABSENT: Final = "does not exist"
"""What is said of an object that a spec names, wherever it was looked for."""


def references(spec: NodeSpec) -> tuple[Reference, ...]:
    """The keys of Secrets and ConfigMaps that the sections need, each once, in order."""
    variables = spec.env.vars if spec.env else ()
    found = [var.reference for var in variables]
    found.append(spec.compose.reference if spec.compose else None)
    return tuple(dict.fromkeys(one for one in found if one is not None))


def desired(
    namespace: str,
    name: str,
    spec: NodeSpec,
    values: Mapping[Reference, Secret | KaituError],
    policy: Policy,
    requests: Requests = NOTHING_ASKED,
) -> Desired:
    """What one visit works from, with our defaults in place."""
    directory = spec.compose.directory if spec.compose else None
    return Desired(
        namespace=namespace,
        name=name,
        sections={"health": HealthSpec(), **spec.sections},
        values=values,
        directory=directory or DEFAULT_DIRECTORY,
        protected=policy.protected,
        mode=spec.mode or Mode.ENFORCE,
        refused=denied(policy, spec),
        requests=requests,
    )


def value_of(body: Mapping[str, Any], reference: Reference) -> Secret:
    """The referenced key of the object's body. Raises ``KaituError`` where there is none."""
    extract = secret_value if reference.kind == "Secret" else configmap_value
    return extract(body, reference)


def secret_value(body: Mapping[str, Any], reference: Reference) -> Secret:
    """The referenced key of a Secret's body. Raises ``KaituError`` where it may not be sent.

    Only Secrets that are marked for it go to nodes: else whoever may create a KaituNode could
    have any Secret of the namespace sent to a host of his own.
    """
    labels = body["metadata"].get("labels") or {}
    if body.get("type", "Opaque") != "Opaque":
        raise _invalid(f"Secret {reference.name} is of type {body['type']}, not Opaque")
    if labels.get(USE_LABEL) != USE_ENV:
        raise _invalid(f"Secret {reference.name} lacks the label {USE_LABEL}: {USE_ENV}")
    return _text(body, "data", "stringData", reference)


def configmap_value(body: Mapping[str, Any], reference: Reference) -> Secret:
    """The referenced key of a ConfigMap's body. Raises ``KaituError`` where there is none."""
    return _text(body, "binaryData", "data", reference)


def ssh_key(body: Mapping[str, Any], name: str) -> Secret:
    """The private key in the body of a key Secret. Raises ``KaituError`` (KeyInvalid)."""
    found = body.get("type", "Opaque")
    if found != SSH_TYPE:
        raise KaituError(Reason.KEY_INVALID, f"Secret {name} is of type {found}, not {SSH_TYPE}")
    try:
        return _text(body, "data", "stringData", Reference("Secret", name, SSH_KEY))
    except KaituError as error:
        raise KaituError(Reason.KEY_INVALID, error.message) from None


def _text(body: Mapping[str, Any], encoded: str, plain: str, reference: Reference) -> Secret:
    """A value as text, from the field that holds base64 or the one that holds text."""
    texts, blobs = body.get(plain) or {}, body.get(encoded) or {}
    if reference.key in texts:
        return Secret(texts[reference.key])
    if reference.key not in blobs:
        raise KaituError(
            Reason.REFERENCE_NOT_FOUND,
            f"{reference.kind} {reference.name} has no key {reference.key}",
        )
    try:
        return Secret(base64.b64decode(blobs[reference.key], validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        raise _invalid(f"{reference} is not UTF-8 text") from None


def _invalid(message: str) -> KaituError:
    return KaituError(Reason.REFERENCE_INVALID, message)
