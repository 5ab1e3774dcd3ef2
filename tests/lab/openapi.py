"""What an API server says of its kinds, as JSON schemas for kubeconform: no download is needed.

Strict: a field that the server would drop in silence is an error.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.controlplane import ControlPlane

KINDS = "x-kubernetes-group-version-kind"
LOCATION = "{{ .Group }}_{{ .ResourceAPIVersion }}_{{ .ResourceKind }}.json"
Schema = dict[str, Any]

_ANY_OF_BOTH = {"anyOf": [{"type": "string"}, {"type": "number"}]}


def write_schemas(plane: ControlPlane, folder: Path) -> None:
    """One file for each kind that the server serves now."""
    definitions = json.loads(plane.kubectl("get", "--raw", "/openapi/v2"))["definitions"]
    strict = {name: _strict(name, one) for name, one in definitions.items()}
    for name, one in definitions.items():
        for kind in one.get(KINDS, ()):
            file = f"{kind['group']}_{kind['version']}_{kind['kind'].lower()}.json"
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
    if isinstance(node, list):
        return [_strict("", one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _strict("", one) for key, one in _plain(node)}
    if "properties" in node and "x-kubernetes-preserve-unknown-fields" not in node:
        made.setdefault("additionalProperties", False)
    return made


def _plain(node: Schema) -> Iterator[tuple[str, Any]]:
    """Without the formats that only an API server knows."""
    for key, one in node.items():
        if key == "type" and node.get("x-kubernetes-int-or-string"):
            continue
        if key != "format" or isinstance(one, dict):
            yield key, one
