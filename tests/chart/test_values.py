"""The generator on small files, and that every value of the chart is explained and checked."""

import json
from pathlib import Path

import pytest
import yaml

from chart.__main__ import stale, written
from chart.base import CHART, ROOT
from chart.page import page, table
from chart.schema import values_schema
from chart.values import Value, read
from kaitu.api.crd import VERSION

SMALL = """\
# About the file, not about a value.

# How many.
# More words
# @schema {minimum: 1}
count: 2
inner:
  # A list
  # @schema {items: {type: string}}
  some: []
  # Anything goes
  # @schema {additionalProperties: true}
  free:
    a: 1
"""


def test_a_comment_becomes_description_and_schema() -> None:
    made = json.loads(values_schema(read(SMALL)))

    assert made["properties"] == {
        "count": {"type": "integer", "description": "How many. More words", "minimum": 1},
        "inner": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "some": {"type": "array", "description": "A list", "items": {"type": "string"}},
                "free": {
                    "type": "object",
                    "description": "Anything goes",
                    "additionalProperties": True,
                },
            },
        },
    }


def test_the_table_has_a_row_for_each_value() -> None:
    assert table(read(SMALL)).splitlines()[2:] == [
        "| `count` | `2` | How many. More words. At least 1 |",
        "| `inner.some` | `[]` | A list |",
        '| `inner.free` | `{"a": 1}` | Anything goes |',
    ]


def test_a_page_without_its_marks_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="marks"):
        page("# A page", read(SMALL))


def leaves(value: Value) -> list[Value]:
    return [leaf for one in value.below for leaf in leaves(one)] if value.below else [value]


def test_every_value_is_explained() -> None:
    root = read((CHART / "values.yaml").read_text())

    assert [one.path for one in leaves(root) if not one.text] == []


def test_every_value_is_read_by_a_template() -> None:
    text = "\n".join(path.read_text() for path in CHART.rglob("templates/**/*") if path.is_file())
    root = read((CHART / "values.yaml").read_text())

    def is_read(path: str) -> bool:
        parent, _, name = path.rpartition(".")
        return f".{name}" in text or f"toYaml .Values.{parent} " in text

    assert [one.path for one in leaves(root) if not is_read(one.path)] == []


def test_every_map_is_closed_or_says_what_it_takes() -> None:
    """A misspelt value must not be taken in silence."""
    schema = json.loads((CHART / "values.schema.json").read_text())

    def open_maps(node: dict[str, object], path: str) -> list[str]:
        below = node.get("properties", {})
        assert isinstance(below, dict)
        lax = [path] if node.get("type") == "object" and "additionalProperties" not in node else []
        return lax + [
            one for name, sub in below.items() for one in open_maps(sub, f"{path}.{name}")
        ]

    assert open_maps(schema, "") == []


@pytest.mark.parametrize("path", [pytest.param(p, id=str(p.relative_to(ROOT))) for p in written()])
def test_what_is_generated_is_current(path: Path) -> None:
    assert path.read_text() == written()[path], "run make chart"


def test_the_base_was_rendered_from_this_chart() -> None:
    assert not stale(), "run make chart"


def test_the_chart_has_the_versions_of_what_it_installs() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    crds = yaml.safe_load(chart["annotations"]["artifacthub.io/crds"])
    project = (ROOT / "pyproject.toml").read_text()

    assert f'version = "{chart["appVersion"]}"' in project
    assert [one["version"] for one in crds] == [VERSION]
