"""From values.yaml to values.schema.json: values that no template reads are refused."""

import json
from typing import Any, Final

from chart.values import Value
from kaitu.api.crd import schema
from kaitu.api.policy import Policy

_TYPES: Final = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
_DROPPED: Final = ("x-kubernetes-", "format", "pattern")
"""What only an API server knows, and patterns: templates/validate.yaml has a sentence for each."""


def values_schema(root: Value) -> str:
    """The file's text. Helm reads draft 7; editors read it, too."""
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart kaitu-operator",
        **_node(root),
        "$defs": {"policy": _closed(schema(Policy))},
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _node(value: Value) -> dict[str, Any]:
    if "$ref" in value.schema:  # in draft 7 nothing may stand beside a reference
        return dict(value.schema)
    made: dict[str, Any] = {"type": _TYPES[type(value.default)]}
    if value.text:
        made["description"] = value.text
    if value.below:
        made["additionalProperties"] = value.path == "global"  # shared with charts around this one
        made["properties"] = {one.name: _node(one) for one in value.below}
    return {**made, **value.schema}


def _closed(node: dict[str, Any]) -> dict[str, Any]:
    """A schema of our models that takes no other fields."""
    made = {key: part for key, part in node.items() if not key.startswith(_DROPPED)}
    if "items" in made:
        made["items"] = _closed(made["items"])
    if "properties" in made:
        made["properties"] = {name: _closed(one) for name, one in made["properties"].items()}
        made["additionalProperties"] = False
    return made
