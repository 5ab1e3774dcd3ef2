"""A status that the API server takes: it refuses the whole of one that is too long anywhere."""

from collections.abc import Mapping
from typing import Any, Final

from kaitu.api.crd import schema
from kaitu.api.status import NodeStatus

_SCHEMA: Final = schema(NodeStatus)
_CUT: Final = "..."


def fitted(status: Mapping[str, Any]) -> dict[str, Any]:
    """The status with texts and lists cut to the schema's bounds; what fits is not changed."""
    found: dict[str, Any] = _fit(status, _SCHEMA)
    return found


def _fit(value: Any, node: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        fields = node.get("properties", {})
        return {key: _fit(inner, fields.get(key, {})) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        kept = value[: node.get("maxItems")]
        return [_fit(item, node.get("items", {})) for item in kept]
    if isinstance(value, str):
        return _short(str(value), node.get("maxLength"))
    return value


def _short(text: str, most: int | None) -> str:
    return text if most is None or len(text) <= most else text[: most - len(_CUT)] + _CUT
