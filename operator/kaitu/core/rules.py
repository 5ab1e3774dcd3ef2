"""Rules that pydantic and the API server both check: one text, one Python test, one CEL rule.

The operator must not trust that a spec went through the schema (a manifest may be read from a
file), and a person should hear of a mistake from ``kubectl apply``. So each rule is said twice,
side by side, and tests/integration/test_crd.py holds both to the same verdicts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

VALIDATIONS: Final = "x-kubernetes-validations"
LIST_TYPE: Final = "x-kubernetes-list-type"
LIST_KEYS: Final = "x-kubernetes-list-map-keys"


@dataclass(frozen=True, slots=True)
class Rule:
    """``holds(value)`` in Python, ``cel`` over ``self`` at the server, ``text`` when it is broken.

    Used as metadata in ``Annotated`` it checks one field, in ``SpecModel.RULES`` a whole model.
    ``cel`` may be empty where the expression language cannot say it: then only we check.
    """

    text: str
    cel: str
    holds: Callable[[Any], bool] = field(repr=False)

    def obey(self, value: Any) -> Any:
        if not self.holds(value):
            raise ValueError(self.text)
        return value

    def mark(self, schema: JsonSchemaValue) -> JsonSchemaValue:
        if self.cel:
            said = {"rule": self.cel, "message": self.text}
            known = schema.setdefault(VALIDATIONS, [])
            if said not in known:  # a model that is used twice is marked twice
                known.append(said)
        return schema

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.obey, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self.mark(handler(schema))


@dataclass(frozen=True, slots=True)
class Keyed:
    """Metadata of a list whose items are told apart by one field: no two have the same."""

    key: str
    """The field's name, which is the same in Python and in JSON."""

    def obey(self, items: Any) -> Any:
        names = [getattr(item, self.key) for item in items]
        if twice := _twice(names):
            raise ValueError(f"{self.key} {twice} is there twice")
        return items

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.obey, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), LIST_TYPE: "map", LIST_KEYS: [self.key]}


@dataclass(frozen=True, slots=True)
class Distinct:
    """Metadata of a list of plain values that is a set: none is there twice."""

    def obey(self, items: Any) -> Any:
        if twice := _twice(items):
            raise ValueError(f"{twice} is there twice")
        return items

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.obey, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), LIST_TYPE: "set"}


def _twice(values: Any) -> Any:
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
