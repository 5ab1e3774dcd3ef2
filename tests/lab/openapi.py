"""What an API server says of its kinds, as JSON schemas for kubeconform: no download is needed.

Strict: a field that the server would drop in silence is an error.
"""

import json
import re
from collections.abc import Container
from pathlib import Path
from typing import Any

from lab.controlplane import ControlPlane

KINDS = "x-kubernetes-group-version-kind"
LOCATION = "{{ .Group }}_{{ .ResourceAPIVersion }}_{{ .ResourceKind }}.json"
Schema = dict[str, Any]

_ANY_OF_BOTH = {"anyOf": [{"type": "string"}, {"type": "number"}]}


def write_schemas(plane: ControlPlane, folder: Path, kinds: Container[str]) -> None:
    """A file for each of these kinds that the server serves now."""
    definitions = json.loads(plane.kubectl("get", "--raw", "/openapi/v2"))["definitions"]
    strict = {name: _strict(name, one) for name, one in definitions.items()}
    for name, one in definitions.items():
        for kind in one.get(KINDS, ()):
            if kind["kind"] in kinds:
                first = kind["group"] or kind["version"]  # as kubeconform has it for v1
                file = f"{first}_{kind['version']}_{kind['kind'].lower()}.json"
                (folder / file).write_text(json.dumps(_whole(name, strict)))


def _whole(name: str, definitions: dict[str, Schema]) -> Schema:
    """A schema with all that it refers to."""
    needed: dict[str, Schema] = {}
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in needed:
            needed[one] = definitions[one]
            waiting += re.findall(r'"#/definitions/([^"]+)"', json.dumps(needed[one]))
    return {"$ref": f"#/definitions/{name}", "definitions": needed}


def _strict(name: str, node: Any) -> Any:
    if name.endswith(("api.resource.Quantity", "util.intstr.IntOrString")):
        return _ANY_OF_BOTH
    if not isinstance(node, dict):
        return node
    made = {key: _part(key, one) for key, one in node.items() if key != "format"}
    if node.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    if "properties" in node and "x-kubernetes-preserve-unknown-fields" not in node:
        made.setdefault("additionalProperties", False)
    return made


def _part(key: str, value: Any) -> Any:
    """What is below a keyword: names are no keywords, whatever they are."""
    if key == "properties":
        return {name: _strict("", one) for name, one in value.items()}
    return _strict("", value) if key in ("items", "additionalProperties") else value
