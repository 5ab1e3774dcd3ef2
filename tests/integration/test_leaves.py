"""One row for each leaf of the CRD: an edit of it on a live KaituNode, and what comes of it.

A leaf without a row is red: no field does nothing.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from integration.leaves import deployment, node, sections, way
from integration.leaves.stage import BASE, Rows, Stage
from lab import fleet
from lab.cluster import CRDS, Cluster
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry

ROWS: Rows = {**node.ROWS, **way.ROWS, **deployment.ROWS, **sections.ROWS}


@pytest.fixture(scope="module")
def standing(cluster: Cluster, node: Node, operator: Operator, pushed: Registry) -> Stage:
    fleet.provision(node)
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.env_secret("leaf", level="info", other="error"),
        fleet.env_secret("second", level="debug"),
        *deployment.releases(),
        fleet.kaitu_node("vps", node, **BASE),
    )
    stage = Stage(cluster, node, pushed, operator)
    stage.ready()
    return stage


@pytest.fixture
def stage(standing: Stage) -> Iterator[Stage]:
    """The stage for one row; afterwards spec and node are in order again."""
    yield standing
    standing.restore()


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths of all fields that hold a value; [] stands for the items of a list."""
    if "properties" in schema:
        for name, inner in schema["properties"].items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif "items" in schema:
        yield from leaves(schema["items"], f"{path}[]")
    else:
        yield path


def crd_leaves() -> set[str]:
    crd = yaml.safe_load((CRDS / "kaitunodes.yaml").read_text())
    version = crd["spec"]["versions"][0]
    return set(leaves(version["schema"]["openAPIV3Schema"]["properties"]["spec"]))


def test_every_leaf_of_the_crd_has_a_row() -> None:
    assert crd_leaves() == set(ROWS)


def test_the_look_at_leaves_finds_a_planted_one() -> None:
    text = {"type": "string"}
    schema = {"properties": {"a": {"items": {"properties": {"b": text, "c": text}}}, "d": text}}

    assert set(leaves(schema)) == {"a[].b", "a[].c", "d"}


@pytest.mark.parametrize("leaf", ROWS)
def test_an_edit_of_a_leaf_has_its_effect(stage: Stage, leaf: str) -> None:
    ROWS[leaf](stage)
