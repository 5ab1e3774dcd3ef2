"""A real cluster with kubelet, the chart in it, and a real node outside, which it looks after."""

import os
from collections.abc import Iterator

import pytest

from integration.standing import Vps
from lab.cluster import Cluster
from lab.controlplane import ControlPlane
from lab.installed import Installed
from lab.node import Node
from lab.operator_image import operator_image
from lab.run import Lab

GIVEN = os.environ.get("KAITU_TEST_KUBECONFIG")
collect_ignore = ["test_writers.py"] if GIVEN else []  # needs the API server's audit log


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab.open() as opened:
        yield opened


@pytest.fixture(scope="session")
def plane(lab: Lab) -> ControlPlane:
    """The cluster that was given, or kind."""
    return lab.control_plane if GIVEN else lab.kind.plane


@pytest.fixture(scope="session")
def image(lab: Lab) -> str:
    """The operator's image, where the cluster finds it."""
    if GIVEN:
        return os.environ["KAITU_TEST_IMAGE"]
    built = operator_image(lab.docker)
    lab.kind.load(built)
    return built


@pytest.fixture(scope="session")
def newer(lab: Lab, image: str) -> str:
    """The same program under the tag of a next version."""
    if GIVEN:
        return image
    tagged = f"{image}-next"
    lab.docker.run("tag", image, tagged)
    lab.kind.load(tagged)
    return tagged


@pytest.fixture(scope="session")
def operator(plane: ControlPlane, image: str) -> Installed:
    """The chart, installed where the restricted level of Pod Security is enforced."""
    made = Installed(plane, image)
    made.create_namespace()
    made.install()
    made.start_surgeon()
    return made


@pytest.fixture(scope="session")
def node(lab: Lab) -> Node:
    return lab.node("vps")


@pytest.fixture(scope="session")
def vps(lab: Lab, plane: ControlPlane, operator: Installed, node: Node) -> Vps:
    """A KaituNode that became Ready by itself."""
    lab.registry.push("v2", "v1")
    made = Vps(Cluster.fresh(plane, "fleet"), node)
    made.apply()
    made.recovers(300)
    return made
