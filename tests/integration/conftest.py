"""The lab's parts as fixtures; each comes to be when the first test asks for it."""

import itertools
from collections.abc import Iterator

import pytest

from lab.cluster import Cluster, install_crds
from lab.controlplane import ControlPlane
from lab.node import Node
from lab.registry import Registry
from lab.run import Lab

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab.open() as opened:
        yield opened


@pytest.fixture(scope="session")
def plane(lab: Lab) -> ControlPlane:
    """The API server with our CRDs."""
    install_crds(lab.control_plane)
    return lab.control_plane


@pytest.fixture(scope="module")
def cluster(plane: ControlPlane) -> Cluster:
    """A namespace for the module."""
    return Cluster.fresh(plane)


@pytest.fixture
def namespace(plane: ControlPlane) -> Cluster:
    """A namespace for one test."""
    return Cluster.fresh(plane)


@pytest.fixture(scope="module")
def node(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Node]:
    """A new node for the module, whose NODE = {...} may hold options of Node.start."""
    made = lab.node(f"n{next(NUMBERS)}", **getattr(request.module, "NODE", {}))
    yield made
    made.remove()


@pytest.fixture(scope="session")
def pushed(lab: Lab) -> Registry:
    """The registry with every version that the stacks may ask for; latest is v1."""
    lab.registry.push("v2", "v3-sick", "v3-crash", "v1")
    return lab.registry


@pytest.fixture
def registry(pushed: Registry) -> Iterator[Registry]:
    """The same, well-behaved again after the test."""
    pushed.behave()
    yield pushed
    pushed.behave()
