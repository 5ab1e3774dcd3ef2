"""From values.yaml to the table in the chart's README.md."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from chart.values import Value

_BEGIN: Final = "<!-- values: begin (written by `make chart` from values.yaml) -->\n"
_END: Final = "<!-- values: end -->"


def page(old: str, root: Value) -> str:
    """The page with the table of these values between its marks."""
    before, begin, rest = old.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError("README.md has lost the marks between which its table of values stands")
    return f"{before}{_BEGIN}{table(root)}{_END}{after}"


def table(root: Value) -> str:
    rows = "".join(
        f"| `{one.path}` | {_default(one)} | {_words(one)} |\n" for one in _leaves(root)
    )
    return f"| value | default | what it is |\n|---|---|---|\n{rows}"


def _leaves(value: Value) -> Iterator[Value]:
    for one in value.below:
        if one.below:
            yield from _leaves(one)
        else:
            yield one


def _default(value: Value) -> str:
    return f"`{json.dumps(value.default, ensure_ascii=False)}`"


def _words(value: Value) -> str:
    words = value.text.replace("|", "\\|").rstrip(".")
    return ". ".join(part for part in (words, _limits(value.schema)) if part)


def _limits(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return "One of " + ", ".join(f"`{one}`" for one in schema["enum"])
    bounds = [f"{word} {schema[key]}" for key, word in _BOUNDS if key in schema]
    return re.sub(r"^.", lambda first: first[0].upper(), ", ".join(bounds))


_BOUNDS: Final = (("minimum", "at least"), ("maximum", "at most"))
