"""values.yaml with its comments: every value with what stands above it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

MARK: Final = "@schema"


@dataclass(frozen=True)
class Value:
    """One key: the comment above it, what an ``@schema`` line adds, and what is below it."""

    path: str
    default: Any
    text: str
    schema: dict[str, Any] = field(default_factory=dict)
    below: tuple["Value", ...] = ()

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def read(text: str) -> Value:
    """The whole file as one value without a name."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise TypeError("values.yaml is no mapping")
    lines = text.splitlines()
    return Value("", yaml.safe_load(text), "", below=tuple(_children(node, lines, "")))


def _children(node: yaml.MappingNode, lines: list[str], path: str) -> Iterator[Value]:
    for key, value in node.value:
        yield _value(f"{path}.{key.value}".lstrip("."), key.start_mark.line, value, lines)


def _value(path: str, line: int, node: yaml.Node, lines: list[str]) -> Value:
    text, schema = _comment(lines, line)
    default = yaml.safe_load(yaml.serialize(node))
    whole = "additionalProperties" in schema or "$ref" in schema
    below: tuple[Value, ...] = ()
    if isinstance(node, yaml.MappingNode) and node.value and not whole:
        below = tuple(_children(node, lines, path))
    return Value(path, default, text, schema, below)


def _comment(lines: list[str], line: int) -> tuple[str, dict[str, Any]]:
    """The words and the schema in the comment lines that end just above this line."""
    first = line
    while first and lines[first - 1].lstrip().startswith("# "):
        first -= 1
    words, schema = [], {}
    for one in (text.lstrip().removeprefix("# ") for text in lines[first:line]):
        if one.startswith(MARK):
            schema = yaml.safe_load(one.removeprefix(MARK))
        else:
            words.append(one)
    return " ".join(words), schema
