"""What users write about the variables of a node's ``.env``."""

from typing import Annotated, Any, Final

from pydantic import Field

from kaitu.core.desired import Reference
from kaitu.core.k2 import (
    FORMATS,
    HOP_MAX,
    HOP_MIN,
    HOP_RULE,
    MOST_HOP_PORTS,
    REFUSED_NAMES,
    RENDERABLE,
    Format,
    check_variable,
    check_variables,
    refused_name,
)
from kaitu.core.models import SecretKeyRef, SectionSpec, SpecModel
from kaitu.core.rules import Keyed, Rule


class EnvSourceSpec(SpecModel):
    """Where a value comes from."""

    secret_key_ref: SecretKeyRef
    """A key of a Secret of type Opaque that is labelled fleet.kaitu.io/use: env."""


def _formed(known: Format) -> Rule:
    """The rule of some K2 variables, for values that are written in the spec itself."""
    names = ", ".join(f"'{name}'" for name in known.names)
    return Rule(
        f"{', '.join(known.names)}: {known.text}",
        f"!has(self.value) || !(self.name in [{names}])"
        f" || self.value.matches({_quoted(f'^({known.pattern})$')})",
        lambda var: var.name not in known.names or var.broken_rule is None,
    )


def _quoted(pattern: str) -> str:
    """As a string of CEL, in which a backslash escapes."""
    return "'" + pattern.replace("\\", "\\\\") + "'"


class EnvVarSpec(SpecModel):
    """One variable of the node's .env."""

    RULES = (
        Rule(
            "set exactly one of value and valueFrom",
            "has(self.value) != has(self.valueFrom)",
            lambda var: (var.value is None) != (var.value_from is None),
        ),
        *(_formed(known) for known in FORMATS),
    )

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128),
        Rule(
            "K2_NODE_SECRET and COMPOSE_* are kept out of every .env",
            f"!self.matches('^{REFUSED_NAMES}$')",
            lambda name: not refused_name(name),
        ),
    ]
    """The variable. K2_NODE_SECRET and COMPOSE_* are refused in any spelling."""
    value: Annotated[
        Annotated[str, Field(pattern=f"^{RENDERABLE}$", max_length=4096)] | None,
        Field(repr=False),
    ] = None
    """The value, in the open. No single quote, backslash or line break: not every compose would
    read them back alike."""
    value_from: EnvSourceSpec | None = None
    """Take the value from a Secret instead."""

    @property
    def broken_rule(self) -> str | None:
        """What ``core.k2`` says against a value that is written here."""
        return None if self.value is None else check_variable(self.name, self.value)

    @property
    def reference(self) -> Reference | None:
        if self.value_from is None:
            return None
        source = self.value_from.secret_key_ref
        return Reference("Secret", source.name, source.key)


def _hops(items: Any) -> bool:
    written = {var.name: var.value for var in items if var.value is not None}
    return check_variables(written) is None


_HOPS: Final = Rule(
    HOP_RULE,
    f"self.all(a, a.name != '{HOP_MIN}' || !has(a.value) || "
    f"self.all(b, b.name != '{HOP_MAX}' || !has(b.value) || "
    f"(int(b.value) >= int(a.value) && int(b.value) - int(a.value) < {MOST_HOP_PORTS})))",
    _hops,
)


class EnvSpec(SectionSpec):
    """Variables of the node's .env; every other line of that file stays as it is.

    A variable that leaves the list stays in the file and stops being ours.
    """

    vars: Annotated[tuple[EnvVarSpec, ...], Field(max_length=100), Keyed("name"), _HOPS] = ()
    """The variables, by name."""
