"""What the sections of a spec are made of: strict, frozen pydantic models with bounds.

No field has a default that the API server would fill in: an absent field stays absent, so that
a profile can fill it later. Our own defaults are applied by the properties that read a field.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from kaitu.core.rules import Distinct, Rule


class SpecModel(BaseModel):
    """Base of everything that users write: camelCase outside, unknown fields refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    RULES: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _obey(self) -> Self:
        for rule in self.RULES:
            rule.obey(self)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        found = handler.resolve_ref_schema(handler(schema))
        for rule in cls.RULES:
            rule.mark(found)
        return found


class Mode(StrEnum):
    """Enforce mends what differs; Observe probes and plans, and writes nothing on the node."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"


class SectionSpec(SpecModel):
    """Base of a managed section: each may be observed on its own."""

    mode: Mode | None = None
    """Enforce (default) or Observe: probe and plan this section, write nothing of it."""


Port = Annotated[int, Field(ge=1, le=65535)]
ServiceName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$", max_length=63)]
Services = Annotated[tuple[ServiceName, ...], Field(max_length=32), Distinct()]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
DataKey = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)]


class SecretKeyRef(SpecModel):
    """One key of a Secret in the namespace of the KaituNode."""

    name: ObjectName
    """Name of the Secret."""
    key: DataKey
    """Key in its data."""


class ConfigMapKeyRef(SpecModel):
    """One key of a ConfigMap in the namespace of the KaituNode."""

    name: ObjectName
    """Name of the ConfigMap."""
    key: DataKey
    """Key in its data."""
