"""The managed lines of a node's ``.env``: their values, and how they are written."""

import re
from collections.abc import Mapping
from typing import Final

from kaitu.core.desired import Desired
from kaitu.core.errors import KaituError
from kaitu.core.k2 import check_variable, check_variables
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.core.sections import EnvSpec, EnvVarSpec

BARE: Final = re.compile(r"[A-Za-z0-9_./:@%+,-]*")


def resolve(section: EnvSpec, desired: Desired) -> Mapping[str, Secret]:
    """Every variable with its value; the ``KaituError`` says which one cannot be had, and why."""
    if "env" not in desired.resolved:
        desired.resolved["env"] = _resolve(section, desired)
    found: Mapping[str, Secret] = desired.resolved["env"]
    return found


def _resolve(section: EnvSpec, desired: Desired) -> Mapping[str, Secret]:
    protected = {name.lower() for name in desired.protected}
    for var in section.vars:
        if var.name.lower() in protected:
            raise KaituError(Reason.PROTECTED_NAME, f"{var.name} is protected: never written")
    variables = {var.name: _value(var, desired) for var in section.vars}
    if broken := check_variables({name: value.reveal() for name, value in variables.items()}):
        raise KaituError(Reason.INVALID_SPEC, broken)
    return variables


def _value(var: EnvVarSpec, desired: Desired) -> Secret:
    reference = var.reference
    value = desired.value(reference) if reference else Secret(var.value or "")
    broken = check_variable(var.name, value.reveal()) or _unencodable(value.reveal())
    if broken and reference:
        raise KaituError(Reason.REFERENCE_INVALID, f"{var.name}, from {reference}, {broken}")
    if broken:
        raise KaituError(Reason.INVALID_SPEC, f"{var.name} {broken}")
    return value


def _unencodable(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "must be text that UTF-8 can hold"
    return None


def question(directory: str, variables: Mapping[str, Secret]) -> bytes:
    """What the fragment ``env`` is asked: the values as they should read; they may be secret."""
    asked = (f"{name}={value.reveal()}\n" for name, value in variables.items())
    return f"{directory}\n{''.join(asked)}".encode()


def lines(variables: Mapping[str, Secret]) -> bytes:
    """One rendered line per variable; what is returned may be secret."""
    return "".join(f"{name}={render(v.reveal())}\n" for name, v in variables.items()).encode()


def render(value: str) -> str:
    """As it stands in ``.env``: compose, python-dotenv and sh all read it back as ``value``."""
    return value if BARE.fullmatch(value) else f"'{value}'"
