"""Tables and machine output of ``get``: the columns are those of the CRD."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import yaml
from rich.text import Text

from kaitu.api.crd import COLUMNS, GROUP, KIND, VERSION
from kaitu.cli.kube.look import STYLES, at, key, since

Body = Mapping[str, Any]
Row = tuple[str, ...]
_GAP: Final = "   "


class Format(StrEnum):
    """How objects are shown, by kubectl's names."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def rows(bodies: Sequence[Body], now: datetime, *, wide: bool, namespaces: bool) -> list[Row]:
    """A head and a row for each node, in the order of their names."""
    columns = [one for one in COLUMNS if wide or not one[3]]
    lead = ("NAMESPACE", "NAME") if namespaces else ("NAME",)
    found: list[Row] = [(*lead, *(name.upper() for name, *_ in columns))]
    for body in sorted(bodies, key=key):
        cells = [_cell(body, kind, place, now) for _, kind, place, _ in columns]
        found.append((*key(body)[not namespaces :], *cells))
    return found


def _cell(body: Body, kind: str, place: str, now: datetime) -> str:
    value = at(body, place)
    if kind == "date":
        return since(value, now)
    return "" if value is None else str(value)


def lines(table: Sequence[Row], widths: Sequence[int] = ()) -> Iterator[Text]:
    """Aligned as kubectl does; a state has its colour."""
    wide = widths or measured(table)
    for row in table:
        padded = [cell.ljust(width) for cell, width in zip(row, wide, strict=True)]
        texts = [Text(text, STYLES.get(text.strip(), "")) for text in padded]
        line = Text(_GAP).join(texts)
        line.rstrip()
        yield line


def measured(table: Sequence[Row]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def machine(bodies: Sequence[Body], form: Format, *, one: bool) -> str:
    """For programs; ``one`` is an object that was named, alone and not in a list."""
    if form is Format.NAME:
        names = (body["metadata"]["name"] for body in sorted(bodies, key=key))
        return "".join(f"{KIND.lower()}.{GROUP}/{name}\n" for name in names)
    items = [_bare(body) for body in sorted(bodies, key=key)]
    listed = {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}
    shown = items[0] if one else listed
    if form is Format.YAML:
        return yaml.safe_dump(shown, sort_keys=False)
    return json.dumps(shown, indent=4) + "\n"


def _bare(body: Body) -> dict[str, Any]:
    """As kubectl prints it: items of a list have a kind of their own, managed fields are noise."""
    meta = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    typed = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND}
    return {**typed, **body, "metadata": meta}
