"""A release that fails: what ran before comes back, by the node itself; the new one is held."""

from collections.abc import Iterator

import pytest

from integration.restores import (
    ENV,
    KILL,
    STATE,
    Sight,
    assert_held,
    idle,
    living,
    sick,
    until_phase,
)
from integration.visits import Visitor, compose, release, variables
from kaitu.core.outcome import State
from kaitu.core.reasons import Reason
from lab.fleet import provision
from lab.node import Node
from lab.registry import Registry
from lab.stack import FOLDER, OLD_STACK, stack
from lab.wait import until

STACK = {"k2-oc", "k2-sidecar", "k2v4-slave", "k2v5"}


@pytest.fixture(scope="module")
def first(node: Node, pushed: Registry) -> Visitor:
    pushed.behave()
    provision(node)
    return Visitor(node)


@pytest.fixture
def visitor(first: Visitor, registry: Registry) -> Visitor:
    """Whatever was before: v1 runs, and no try has to wait."""
    first.node.run(f"touch -c -d '1 hour ago' {STATE}/job/result.*", check=False)
    found = first.settle(compose=release("v1"), env=ENV)
    assert {one.state for one in found.outcomes.values()} == {State.IN_SYNC}, found.outcomes
    return Visitor(first.node)


@pytest.fixture
def before(visitor: Visitor) -> Sight:
    return Sight.of(visitor.node)


def test_a_gate_that_stays_shut(visitor: Visitor, node: Node, before: Sight) -> None:
    debug = variables(K2OC_PORT="10002", K2_LOG_LEVEL="debug", K2_ANTI_QUIC="true")

    found = visitor.settle(compose=sick("shut"), env=debug)

    assert_held(found, Reason.GATE_FAILED, "k2-sidecar did not get healthy")
    assert "runs again" in compose(found).message
    before.assert_back(node, touched={"k2-sidecar"})
    assert compose(found).report["compose"]["version"] == "v1"
    done = list(visitor.log)
    visitor.settle(compose=sick("shut"), env=debug)
    assert visitor.log == done, "what is held was tried again"


def test_a_crash_behind_the_gate_comes_back_without_anybody_watching(
    visitor: Visitor, node: Node, before: Sight
) -> None:
    crash = release("crash", stack("v1").replace("k2v5:v1", "k2v5:v3-crash"))
    until_phase(visitor, "verify", compose=crash, env=ENV)

    idle(node)

    before.assert_back(node, touched={"k2v5"})
    found = visitor.settle(compose=crash, env=ENV)
    assert_held(found, Reason.VERIFY_FAILED, "k2v5 does not run as the release says")


def test_a_port_that_is_taken(visitor: Visitor, node: Node, before: Sight) -> None:
    taken = variables(K2OC_PORT="443", K2_LOG_LEVEL="info")  # where k2v5 listens, on the host

    found = visitor.settle(compose=release("v1"), env=taken)

    assert_held(found, Reason.UP_FAILED, "runs again")
    before.assert_back(node, touched={"k2-oc"})


def test_the_generation_before_comes_back(visitor: Visitor, node: Node, before: Sight) -> None:
    old = stack("v1", OLD_STACK).replace("k2-slave:v1", "k2-slave:v3-crash")

    found = visitor.settle(compose=release("old", old), env=ENV)

    assert_held(found, Reason.VERIFY_FAILED, "k2-slave does not run")
    before.assert_back(node, touched={"k2v5", "k2v4-slave", "k2-oc", "k2-sidecar"})


def test_the_way_back_from_a_generation_that_was_left_as_it_is(
    visitor: Visitor, node: Node
) -> None:
    """What it started is in no record, and holds the port."""
    old = stack("v1", OLD_STACK).replace("k2-oc:v1", "k2-oc:v3-crash")
    kept = release("kept", old, onFailure="Hold")
    assert_held(visitor.settle(compose=kept, env=ENV), Reason.VERIFY_FAILED, "left as it is")
    assert "k2-slave" in living(node)

    found = visitor.settle(compose=release("v1"), env=ENV)

    assert compose(found).state is State.IN_SYNC, found.outcomes
    assert set(living(node)) == STACK


@pytest.mark.parametrize("how", ["killed", "rebooted"])
def test_a_restore_that_is_cut_off_is_finished(
    visitor: Visitor, node: Node, before: Sight, how: str
) -> None:
    until_phase(visitor, "restore", compose=sick(how), env=ENV)
    if how == "killed":
        node.run(KILL, check=False)
    else:
        node.reboot()

    found = visitor.settle(compose=sick(how), env=ENV)

    assert_held(found, Reason.GATE_FAILED, "runs again")
    assert "bring back what ran before the release that failed" in visitor.log
    before.assert_back(node, touched=STACK if how == "rebooted" else {"k2-sidecar"})


def test_a_restore_is_finished_without_what_the_spec_names(
    visitor: Visitor, node: Node, before: Sight
) -> None:
    until_phase(visitor, "restore", compose=sick("lost"), env=ENV)
    node.run(KILL, check=False)
    secret = {"secretKeyRef": {"name": "kaitu-env", "key": "level"}}
    gone = {"vars": [{"name": "K2_LOG_LEVEL", "valueFrom": secret}]}

    found = visitor.settle(compose={"version": "lost"}, env=gone)

    assert compose(found).reason is Reason.REFERENCE_NOT_FOUND
    before.assert_back(node, touched={"k2-sidecar"})
    assert " restored " in node.read(f"{STATE}/held")


def test_a_release_that_is_killed_at_its_gate_still_comes_back(
    visitor: Visitor, node: Node, before: Sight
) -> None:
    until_phase(visitor, "gate", compose=sick("cut"), env=ENV)
    node.run(KILL, check=False)
    node.run(f"touch -d '1 hour ago' {STATE}/job/result.*")

    found = visitor.settle(compose=sick("cut"), env=ENV)

    assert_held(found, Reason.GATE_FAILED, "runs again")
    before.assert_back(node, touched={"k2-sidecar"})


def test_a_release_during_which_docker_dies_each_time_has_failed(
    visitor: Visitor, node: Node, before: Sight
) -> None:
    for _ in range(3):
        until_phase(visitor, "gate", compose=sick("hog"), env=ENV)
        node.run("systemctl restart docker")
        idle(node)
        node.run(f"touch -d '1 hour ago' {STATE}/job/result.*")

    found = visitor.settle(compose=sick("hog"), env=ENV)

    assert_held(found, Reason.UP_FAILED, "each of the three times")
    assert "runs again" in compose(found).message
    before.assert_back(node, touched=STACK)


@pytest.fixture
def small_disk(visitor: Visitor, node: Node) -> Iterator[str]:
    """The operator's directory on a file system of its own, of one megabyte."""
    copy = f"cp -a {STATE} /run/kaitu-copy && mount -t tmpfs -o size=1m,mode=700 none {STATE}"
    node.run(f"{copy} && cp -a /run/kaitu-copy/. {STATE}")
    yield f"cat /dev/zero >{STATE}/full"
    node.run(f"umount -l {STATE} && rm -r /run/kaitu-copy")


def test_a_disk_that_is_full_when_the_release_fails(
    visitor: Visitor, node: Node, before: Sight, small_disk: str
) -> None:
    until_phase(visitor, "gate", compose=sick("full"), env=ENV)
    node.run(small_disk, check=False)
    idle(node)

    before.assert_back(node, touched={"k2-sidecar"})
    assert " EGATE k2-sidecar restored " in node.read(f"{STATE}/held")
    node.run(f"rm {STATE}/full")
    found = visitor.settle(compose=sick("full"), env=ENV)
    assert_held(found, Reason.GATE_FAILED, "runs again")


def test_hold_leaves_all_as_it_is(visitor: Visitor, node: Node, before: Sight) -> None:
    kept = sick("kept", onFailure="Hold")

    found = visitor.settle(compose=kept, env=ENV)

    assert_held(found, Reason.GATE_FAILED, "left as it is (onFailure: Hold)")
    assert living(node)["k2-sidecar"][2].endswith(":v3-sick")
    assert "v3-sick" in node.read(f"{FOLDER}/docker-compose.yml")
    assert "version" not in compose(found).report["compose"]
    visitor.settle(compose=release("v1"), env=ENV)
    before.assert_back(node, touched={"k2-sidecar"})


def test_a_first_release_has_nothing_to_go_back_to(visitor: Visitor, node: Node) -> None:
    node.run(f"docker ps -aq | xargs docker rm -f >/dev/null; rm -f {STATE}/record")

    found = visitor.settle(compose=sick("first"), env=ENV)

    assert_held(found, Reason.GATE_FAILED, "nothing ran before it")
    assert set(living(node)) == {"k2-sidecar"}


def test_a_disk_that_is_full_during_the_pull(visitor: Visitor, node: Node, before: Sight) -> None:
    node.run("docker images -q '*/*:v2' | xargs -r docker rmi -f >/dev/null")
    place = "/var/lib/docker/tmp"
    node.run(f"mount -t tmpfs -o size=64k none {place} && cat /dev/zero >{place}/full || :")
    try:
        found = visitor.settle(compose=release("v2"), env=ENV)
        assert compose(found).reason is Reason.NO_SPACE
        before.assert_back(node, touched=set())
    finally:
        node.run(f"umount {place}")
    node.run(f"touch -d '1 hour ago' {STATE}/job/result.*")

    visitor.settle(compose=release("v2"), env=ENV)

    assert {image.rpartition(":")[2] for _, _, image, _ in living(node).values()} == {"v2"}


def test_a_live_file_that_somebody_broke_is_no_way_back(
    visitor: Visitor, node: Node, before: Sight
) -> None:
    node.write(f"{FOLDER}/docker-compose.yml", "services: [\n")

    found = visitor.settle(compose=sick("broken"), env=ENV)

    assert_held(found, Reason.GATE_FAILED, "runs again")
    before.assert_back(node, touched={"k2-sidecar"})


def test_an_image_of_before_that_is_gone_is_said(visitor: Visitor, node: Node) -> None:
    until_phase(visitor, "gate", compose=sick("pruned"), env=ENV)
    until(lambda: "sick" in living(node)["k2-sidecar"][2], 60, "the new container")
    others = set(living(node)) - {"k2-sidecar"}
    gone = "docker images -q '*/k2-sidecar:v1'"
    node.run(f"docker rmi -f $({gone}) >/dev/null")

    found = visitor.settle(compose=sick("pruned"), env=ENV)

    assert_held(found, Reason.GATE_FAILED, "could not be brought back")
    assert set(living(node)) >= others, "what ran on was taken away"
    node.run("docker pull -q registry.lab:5000/k2-sidecar:v1 >/dev/null")


def test_a_container_of_a_person_beside_the_stack_is_no_service_of_it(
    visitor: Visitor, node: Node
) -> None:
    node.run(f"cd {FOLDER} && docker compose run --entrypoint /bin/false k2-oc", check=False)
    visitor.log.clear()

    found = visitor.settle(compose=release("v1"), env=ENV)

    assert visitor.log == []
    assert {one.state for one in found.outcomes.values()} == {State.IN_SYNC}, found.outcomes
    node.run("docker ps -aq --filter label=com.docker.compose.oneoff=True | xargs docker rm -f")
