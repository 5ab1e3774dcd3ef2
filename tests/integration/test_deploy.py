"""Releases on a real node: the engine's visits, the node's Docker and compose, a real registry."""

import re
from collections.abc import Iterator

import pytest

from integration.visits import Visitor, changed, compose, release, started, variables
from kaitu.core.outcome import State
from kaitu.core.reasons import Reason
from kaitu.engine.visit import Visit
from lab.faults import fault
from lab.fleet import SECRET_LINE, provision
from lab.node import Node
from lab.registry import Registry
from lab.run import Lab
from lab.stack import FOLDER, NEW_STACK, OLD_STACK, stack
from lab.wait import until

NODE = {"apps_tmpfs": "20m"}
STACK = {"k2-oc", "k2-sidecar", "k2v4-slave", "k2v5"}
BEHIND = STACK - {"k2-sidecar"}
ENV = variables(K2OC_PORT="10001", K2_LOG_LEVEL="info")
STATE = "/var/lib/kaitu-operator"


@pytest.fixture(scope="module")
def first(node: Node, pushed: Registry) -> Visit:
    """The first deployment on an empty node that has its secret."""
    pushed.behave()
    provision(node)
    return Visitor(node).settle(compose=release("v1"), env=ENV)


@pytest.fixture
def visitor(node: Node, first: Visit, registry: Registry) -> Visitor:
    """Whatever was before: v1 runs and is in order."""
    before = Visitor(node)
    until(lambda: _mended(before), 120, "order")
    return Visitor(node)


def assert_in_order(found: Visit) -> None:
    wrong = {n: o for n, o in found.outcomes.items() if o.state is not State.IN_SYNC}
    assert not wrong, {name: (one.reason, one.message) for name, one in wrong.items()}


def refused(found: Visit, reason: Reason, *, state: State = State.FAILED) -> str:
    """The message of what compose could not do, and for which reason."""
    one = compose(found)
    assert (one.state, one.reason) == (state, reason), one
    return one.message


def test_the_first_deployment_comes_up_whole(node: Node, first: Visit) -> None:
    assert_in_order(first)
    assert set(started(node)) == STACK
    assert node.read(f"{FOLDER}/.env").startswith(SECRET_LINE)
    told = compose(first).report
    assert (told["compose"]["version"], told["architecture"]) == ("v1", "k2v5")
    assert {one["state"] for one in told["compose"]["services"]} == {"running"}


def test_a_node_in_order_is_left_alone(visitor: Visitor, node: Node) -> None:
    before = started(node)

    visitor.settle(compose=release("v1"), env=ENV)

    assert visitor.log == []
    assert changed(node, before) == set()


def test_a_variable_restarts_only_the_service_that_uses_it(visitor: Visitor, node: Node) -> None:
    before = started(node)

    found = visitor.settle(compose=release("v1"), env=variables(K2OC_PORT="10002"))

    assert_in_order(found)
    assert changed(node, before) == {"k2-oc"}
    assert "K2OC_PORT=10002\n" in node.read(f"{FOLDER}/.env")


def test_a_release_moves_all(visitor: Visitor, node: Node) -> None:
    before = started(node)

    found = visitor.settle(compose=release("v2"), env=ENV)

    assert_in_order(found)
    assert changed(node, before) == STACK
    assert compose(found).report["compose"]["version"] == "v2"


def test_a_sick_release_stops_at_the_gate_and_is_held(visitor: Visitor, node: Node) -> None:
    before = started(node)

    found = visitor.settle(compose=release("v3-sick"), env=ENV)

    assert "k2-sidecar" in refused(found, Reason.GATE_FAILED)
    assert changed(node, before) == {"k2-sidecar"}
    assert compose(found).report["held"]
    done = list(visitor.log)
    visitor.settle(compose=release("v3-sick"), env=ENV)
    assert visitor.log == done, "what is held was tried again"


def test_a_hold_ends_with_the_input(visitor: Visitor, node: Node) -> None:
    visitor.settle(compose=release("v3-sick"), env=ENV)
    done = len(visitor.log)

    visitor.settle(compose=release("v3-sick"), env=variables(K2OC_PORT="10003"))

    assert any(text.startswith("deploy release v3-sick") for text in visitor.log[done:])


def test_a_service_that_crashes_is_named_and_held(visitor: Visitor) -> None:
    text = stack("v1").replace("k2v5:v1", "k2v5:v3-crash")

    found = visitor.settle(compose=release("crash", text), env=ENV)

    assert "k2v5" in refused(found, Reason.VERIFY_FAILED)


def test_the_registry_slows_down(visitor: Visitor, node: Node, registry: Registry) -> None:
    before, file = started(node), node.read(f"{FOLDER}/docker-compose.yml")
    registry.misbehave(code=429)

    found = visitor.settle(compose=release("v2"), env=ENV)

    refused(found, Reason.PULL_RATE_LIMITED)
    assert changed(node, before) == set()
    assert node.read(f"{FOLDER}/docker-compose.yml") == file


def test_attempts_outlast_a_short_rate_limit(
    visitor: Visitor, node: Node, registry: Registry
) -> None:
    registry.misbehave(code=429, count=1, path="/manifests/")

    found = visitor.settle(compose=release("v2-once", stack("v2"), attempts=3), env=ENV)

    assert_in_order(found)


def test_the_registry_is_gone(visitor: Visitor, node: Node, registry: Registry) -> None:
    before = started(node)
    registry.stop()
    try:
        found = visitor.settle(compose=release("v2-gone", stack("v2")), env=ENV)
    finally:
        registry.start_again()

    refused(found, Reason.PULL_FAILED)
    assert changed(node, before) == set()


def test_an_image_that_does_not_exist(visitor: Visitor, node: Node) -> None:
    before = started(node)

    found = visitor.settle(compose=release("v9"), env=ENV)

    assert "k2-sidecar" in refused(found, Reason.IMAGE_NOT_FOUND)
    assert changed(node, before) == set()


def test_a_file_that_compose_refuses(visitor: Visitor, node: Node) -> None:
    before, file = started(node), node.read(f"{FOLDER}/docker-compose.yml")
    text = NEW_STACK.replace("cap_add:", "cap_drip:")

    found = visitor.settle(compose=release("v1", text), env=ENV)

    refused(found, Reason.COMPOSE_INVALID)
    assert changed(node, before) == set()
    assert node.read(f"{FOLDER}/docker-compose.yml") == file


def test_a_full_disk_keeps_both_files(visitor: Visitor, node: Node) -> None:
    before, env = started(node), node.read(f"{FOLDER}/.env")
    file = node.read(f"{FOLDER}/docker-compose.yml")
    with fault(node, "diskfull"):
        found = visitor.settle(compose=release("v2"), env=variables(K2OC_PORT="10004"))

        refused(found, Reason.NO_SPACE)
        assert node.read(f"{FOLDER}/docker-compose.yml") == file
        assert node.read(f"{FOLDER}/.env") == env
    assert changed(node, before) == set()


def test_docker_is_down(visitor: Visitor, node: Node) -> None:
    with fault(node, "dockerdown"):
        found = visitor.settle(compose=release("v2"), env=ENV)

        refused(found, Reason.UNOBSERVED, state=State.UNKNOWN)
        assert found.outcomes["health"].reason is Reason.DOCKER_DOWN
    assert visitor.log == []


def test_docker_hangs(visitor: Visitor, node: Node) -> None:
    with fault(node, "dockerhang"):
        found = visitor.settle(compose=release("v2"), env=ENV)

        refused(found, Reason.UNOBSERVED, state=State.UNKNOWN)
        assert found.outcomes["health"].state is State.UNKNOWN
    assert visitor.log == []


def test_a_job_that_was_killed_after_the_swap_is_finished(visitor: Visitor, node: Node) -> None:
    until(lambda: _swapping(visitor, node), 120, "swap")
    node.run(f"pkill -9 -f {STATE}/job/script; pkill -9 -f 'compose -p'", check=False)

    found = until(lambda: _mended(visitor, "v2"), 120, "order")

    assert compose(found).report["compose"]["version"] == "v2"


def _swapping(visitor: Visitor, node: Node) -> bool:
    visitor.visit(compose=release("v2"), env=ENV)
    return bool(node.run(f"cat {STATE}/job/pending 2>/dev/null || :").strip())


@pytest.mark.parametrize("breaking", ["kill k2-oc", "rm -f k2-oc", "stop -t 1 k2-oc"])
def test_a_container_that_ended_is_started_again(
    visitor: Visitor, node: Node, breaking: str
) -> None:
    before = started(node)
    node.run(f"docker {breaking}")

    found = until(lambda: _mended(visitor), 90, "repair")

    assert_in_order(found)
    assert changed(node, before) == {"k2-oc"}
    assert visitor.log == ["start k2-oc"]


def _mended(visitor: Visitor, version: str = "v1") -> Visit | None:
    found = visitor.settle(compose=release(version), env=ENV)
    return found if {one.state for one in found.outcomes.values()} == {State.IN_SYNC} else None


def test_the_older_generation_and_back(visitor: Visitor, node: Node) -> None:
    """What left the file is stopped and removed; its volume and everything else stay."""
    found = visitor.settle(compose=release("old", stack("v1", OLD_STACK)), env=ENV)

    assert_in_order(found)
    assert set(started(node)) == {"k2-oc", "k2-sidecar", "k2-slave"}
    assert compose(found).report["architecture"] == "k2-slave"
    assert "kaitu-slave_config" in node.run("docker volume ls -q")


def test_without_its_secret_a_node_gets_the_file_and_no_services(
    lab: Lab, pushed: Registry
) -> None:
    bare = lab.node("bare-deploy", **NODE)
    try:
        found = Visitor(bare).settle(compose=release("v1"), env=ENV)

        refused(found, Reason.PROTECTED_MISSING, state=State.WAITING)
        assert "k2v5:v1" in bare.read(f"{FOLDER}/docker-compose.yml")
        assert "K2OC_PORT=10001\n" in bare.read(f"{FOLDER}/.env")
        assert started(bare) == {}
    finally:
        bare.remove()


@pytest.fixture
def living(lab: Lab, pushed: Registry) -> Iterator[Node]:
    """A node that somebody has deployed by hand."""
    made = lab.node("living", **NODE)
    provision(made, SECRET_LINE + "K2OC_PORT=10001\nK2_LOG_LEVEL=info\n")
    made.write(f"{FOLDER}/docker-compose.yml", stack("v1"))
    made.run(f"cd {FOLDER} && docker compose pull -q && docker compose up -d", timeout=180)
    yield made
    made.remove()


def test_a_living_node_in_order_is_recorded_and_not_restarted(living: Node) -> None:
    before, visitor = started(living), Visitor(living)

    visitor.settle(compose=release("v1"), env=ENV)
    found = visitor.settle(compose=release("v1"), env=ENV)

    assert_in_order(found)
    assert changed(living, before) == set()
    assert visitor.log == ["record that release v1 runs"]
    assert re.match(r"[0-9a-f]{16} v1 ", living.run(f"cat {STATE}/record"))


def test_a_living_node_that_differs_waits_for_a_person(living: Node) -> None:
    before, visitor = started(living), Visitor(living)

    waiting = visitor.settle(compose=release("v2"), env=ENV)

    refused(waiting, Reason.ADOPTION_REQUIRED, state=State.WAITING)
    assert visitor.log == []
    assert changed(living, before) == set()
    adopted = Visitor(living, adopt=True).settle(compose=release("v2"), env=ENV)
    assert_in_order(adopted)
    assert changed(living, before) == STACK
