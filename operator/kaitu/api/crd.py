"""From the models to the CRD that users install. Raises rather than write what is not understood.

The API server takes only structural schemas: no references, no unions, every node with a type.
A keyword that is not in the list below would be refused there, or pruned in silence.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from kaitu.api.node import NodeSpec
from kaitu.api.status import NodeStatus
from kaitu.core.rules import LIST_KEYS, LIST_TYPE, VALIDATIONS

GROUP: Final = "fleet.kaitu.io"
VERSION: Final = "v1alpha1"
KIND: Final = "KaituNode"
PLURAL: Final = "kaitunodes"
FILE: Final = f"{PLURAL}.yaml"

_KEPT: Final = frozenset(
    {"type", "format", "description", "enum", "pattern", "required", "minimum", "maximum"}
    | {"minLength", "maxLength", "minItems", "maxItems", "maxProperties"}
    | {VALIDATIONS, LIST_TYPE, LIST_KEYS}
)
_DROPPED: Final = frozenset({"title", "$defs"})

_ABOUT: Final = (
    "One node of the fleet: how to reach it, what it should be, and what was true at the last"
    " visit. The operator visits it over SSH and changes what differs."
)


class _Plain(GenerateJsonSchema):
    """An optional field is an absent field: no null, and no default for the server to fill in."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of a model. Raises ``ValueError`` on a keyword it does not know."""
    whole = model.model_json_schema(by_alias=True, schema_generator=_Plain)
    return _structural(whole, whole.get("$defs", {}), model.__name__)


def _structural(
    node: Mapping[str, Any], defs: Mapping[str, Mapping[str, Any]], where: str
) -> dict[str, Any]:
    merged = _inlined(node, defs)
    made: dict[str, Any] = {}
    for keyword, value in merged.items():
        if keyword == "properties":
            made[keyword] = {k: _structural(v, defs, f"{where}.{k}") for k, v in value.items()}
        elif keyword == "items" or (keyword == "additionalProperties" and value is not False):
            made[keyword] = _structural(value, defs, f"{where}[]")
        elif keyword == "description":
            made[keyword] = prose(value)
        elif keyword in _KEPT:
            made[keyword] = value
        elif keyword not in _DROPPED and keyword != "additionalProperties":
            raise ValueError(f"{where}: cannot put {keyword!r} into a structural schema")
    return _finished(made, where)


def _inlined(node: Mapping[str, Any], defs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What a reference stands for, under what is said beside it: a field's own text wins."""
    if "$ref" not in node:
        return dict(node)
    beside = {key: value for key, value in node.items() if key != "$ref"}
    return {**defs[node["$ref"].removeprefix("#/$defs/")], **beside}


def _finished(made: dict[str, Any], where: str) -> dict[str, Any]:
    if "type" not in made:
        raise ValueError(f"{where}: has no type")
    if made["type"] == "array":
        made.setdefault(LIST_TYPE, "atomic")
    return made


def prose(text: str) -> str:
    """A docstring as text for people: paragraphs on one line each, no markup."""
    paragraphs = text.replace("``", "").strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _condition(kind: str, field: str = "status") -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


COLUMNS: Final = (
    ("Ready", "string", _condition("Ready"), 0),
    ("Version", "string", ".status.compose.version", 0),
    ("Healthy", "string", _condition("Healthy"), 0),
    ("In Sync", "string", _condition("InSync"), 0),
    ("Last Visit", "date", ".status.lastVisitTime", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Host", "string", ".spec.connection.host", 1),
    ("Arch", "string", ".status.architecture", 1),
    ("Reason", "string", _condition("Ready", "reason"), 1),
)


def path(namespace: str = "", name: str = "") -> str:
    """Where the API server has KaituNodes: all, those of a namespace, or one."""
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/{GROUP}/{VERSION}{scope}/{PLURAL}{f'/{name}' if name else ''}"


def _columns() -> list[dict[str, Any]]:
    return [
        {"name": name, "type": kind, "jsonPath": where, **({"priority": 1} if wide else {})}
        for name, kind, where, wide in COLUMNS
    ]


def _resource() -> dict[str, Any]:
    """The schema of the whole object; the server itself adds apiVersion, kind and metadata."""
    return {
        "type": "object",
        "description": _ABOUT,
        "required": ["spec"],
        "properties": {
            "spec": schema(NodeSpec),
            "status": {**schema(NodeStatus), "default": {"observedGeneration": -1}},
        },
    }


def definition() -> dict[str, Any]:
    """The CustomResourceDefinition of KaituNode as an object."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": _columns(),
        "schema": {"openAPIV3Schema": _resource()},
    }
    names = {
        "kind": KIND,
        "listKind": f"{KIND}List",
        "plural": PLURAL,
        "singular": KIND.lower(),
        "shortNames": ["kn"],
        "categories": ["kaitu"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


class _Dumper(yaml.SafeDumper):
    """The same list twice is written twice: anchors are not for people."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


def crds() -> str:
    """The CRDs as YAML text."""
    body = yaml.dump(definition(), Dumper=_Dumper, sort_keys=False, width=99, allow_unicode=True)
    return f"# Generated from operator/kaitu/api by `make crds`; do not edit.\n{body}"


def main() -> None:
    """Write the CRDs into the folder that is named, or into ``crds``."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "crds")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(crds())


if __name__ == "__main__":
    main()
