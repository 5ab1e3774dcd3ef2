"""The generated schema: bounded everywhere, without defaults, fresh, and strict about keywords."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, Field

from kaitu.api.crd import crds, definition, prose, schema
from kaitu.api.node import ASPECTS, NodeSpec
from kaitu.api.reference import RETRIES, reference
from kaitu.core.reasons import REASONS, Reason, Retry
from specs import ROOT

Node = dict[str, Any]


def walk(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """Every node of a schema with its path."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    if "items" in node:
        yield from walk(node["items"], f"{path}[]")


def nodes() -> list[tuple[str, Node]]:
    version = definition()["spec"]["versions"][0]
    return list(walk(version["schema"]["openAPIV3Schema"], ""))


@pytest.mark.parametrize(("path", "node"), [pytest.param(p, n, id=p or "top") for p, n in nodes()])
def test_every_node_is_typed_bounded_and_described(path: str, node: Node) -> None:
    kind = node["type"]

    assert kind in {"object", "array", "string", "integer", "boolean"}
    if kind == "string":
        assert "maxLength" in node or "enum" in node
    if kind == "array":
        assert "maxItems" in node
        assert node["x-kubernetes-list-type"] in {"map", "set", "atomic"}
    if kind == "object":
        assert "properties" in node
    if not path.endswith("[]"):
        assert len(node["description"]) > 3
        assert "``" not in node["description"]


def test_nothing_has_a_default_but_the_status() -> None:
    found = {path: node["default"] for path, node in nodes() if "default" in node}

    assert found == {".status": {"observedGeneration": -1}}


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (".spec.env.vars", "name"),
        (".spec.cron.entries", "name"),
        (".spec.sysctl.settings", "name"),
        (".spec.health.tcp", "port"),
        (".status.conditions", "type"),
        (".status.aspects", "name"),
    ],
)
def test_lists_that_are_merged_by_key(path: str, key: str) -> None:
    found = dict(nodes())[path]

    assert found["x-kubernetes-list-type"] == "map"
    assert found["x-kubernetes-list-map-keys"] == [key]
    assert key in found["items"]["required"]


def test_every_section_is_in_the_schema_with_its_own_mode() -> None:
    found = dict(nodes())

    for name, aspect in ASPECTS.items():
        assert f".spec.{name}" in found
        assert (f".spec.{name}.mode" in found) == aspect.writes


def test_rules_have_a_message_of_one_line() -> None:
    rules = [rule for _, node in nodes() for rule in node.get("x-kubernetes-validations", ())]

    assert len(rules) >= 15
    assert all(rule["message"] and "\n" not in rule["message"] for rule in rules)


class Unbounded(BaseModel):
    """A model with a keyword that the API server does not take."""

    field: float = Field(multiple_of=2)


class Union(BaseModel):
    """A model with a union."""

    field: int | str


@pytest.mark.parametrize(
    ("model", "keyword"), [(Unbounded, "multipleOf"), (Union, "anyOf")], ids=["bound", "union"]
)
def test_a_keyword_that_is_not_known_stops_the_generator(
    model: type[BaseModel], keyword: str
) -> None:
    with pytest.raises(ValueError, match=f"field: cannot put '{keyword}'"):
        schema(model)


def test_prose_has_one_line_per_paragraph() -> None:
    assert prose(" One\n    ``two``.\n\n    Three\n    four.\n") == "One two.\n\nThree four."


def test_the_committed_files_are_what_the_models_say() -> None:
    assert (ROOT / "crds" / "kaitunodes.yaml").read_text() == crds(), "run make crds"
    assert (ROOT / "docs" / "reference.md").read_text() == reference(), "run make crds"


def test_the_text_is_the_definition() -> None:
    assert yaml.safe_load(crds()) == definition()
    assert "&id" not in crds()


def test_the_reference_names_every_reason_and_every_field() -> None:
    page = reference()

    assert set(RETRIES) == set(Retry)
    for reason in Reason:
        assert f"| `{reason}` | {REASONS[reason].verdict} |" in page
    for name in schema(NodeSpec)["properties"]:
        assert f"| `{name}`" in page
