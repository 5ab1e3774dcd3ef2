"""The lab's parts as fixtures; each comes to be when the first test asks for it."""

import itertools
import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from integration.standing import Standing
from lab.audit import accesses, denied
from lab.cluster import Cluster, install_crds
from lab.controlplane import ControlPlane
from lab.kinds import install_others
from lab.node import Node
from lab.operator import Operator, Start
from lab.registry import Registry
from lab.run import Lab

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab.open() as opened:
        yield opened


@pytest.fixture(scope="session")
def plane(lab: Lab) -> Iterator[ControlPlane]:
    """The API server with our CRDs. Nothing that the operator asked for may have been denied."""
    install_crds(lab.control_plane)
    yield lab.control_plane
    if lab.control_plane.audit_log:
        refused = denied(accesses(lab.control_plane))
        assert refused == set(), "the rights in manifests/base/rbac.yaml are too few"


@pytest.fixture(scope="session")
def others(plane: ControlPlane) -> ControlPlane:
    """The same, with the kinds of Flux, Argo CD, k3s and the Prometheus operator."""
    install_others(plane)
    for name in ("kaitu", "kaitu-system", "flux-system", "argocd", "kube-system"):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(namespace))
    return plane


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server of the module's own, in which nobody has installed anything."""
    plane = ControlPlane.start(tmp_path_factory.mktemp("bare"))
    yield plane
    plane.stop()


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


@pytest.fixture(scope="module")
def operator(lab: Lab, cluster: Cluster) -> Iterator[Operator]:
    """An operator of the module's namespace."""
    log = lab.state / f"operator-{cluster.namespace}.log"
    running = Operator.start(lab.control_plane, log, "--namespace", cluster.namespace)
    yield running
    running.stop()


@pytest.fixture
def start(lab: Lab, namespace: Cluster) -> Iterator[Start]:
    """Start another operator of this test's namespace; all of them end with the test."""
    with ExitStack() as ending:
        count = iter(range(100))

        def begin() -> Operator:
            log = lab.state / f"{namespace.namespace}-{next(count)}.log"
            operator = Operator.start(lab.control_plane, log, "--namespace", namespace.namespace)
            ending.callback(_end, operator)
            return operator

        yield begin


def _end(operator: Operator) -> None:
    """Also of one that was stopped, or has ended."""
    if operator.child.process.poll() is None:
        operator.send(signal.SIGCONT)
        operator.stop()


@pytest.fixture(scope="module")
def standing(lab: Lab, cluster: Cluster, node: Node, pushed: Registry) -> Iterator[Standing]:
    """A KaituNode in order for the module, and its operator."""
    log = lab.state / f"operator-{cluster.namespace}.log"
    with ExitStack() as ending:

        def start() -> Operator:
            operator = Operator.start(lab.control_plane, log, "--namespace", cluster.namespace)
            ending.callback(operator.stop)
            return operator

        made = Standing(cluster, node, start)
        made.set_up()
        yield made


@pytest.fixture
def vps(standing: Standing) -> Iterator[Standing]:
    """The same, in order before a test, and again after it."""
    yield standing
    standing.restore()
