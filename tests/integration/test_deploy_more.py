"""Releases on a real node, further: what is cut, what falls silent, what others have left."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from integration.visits import WHO, Visitor, compose, variables
from integration.visits import release as hasty
from kaitu.core.command import Command, Done
from kaitu.core.outcome import State
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.core.text import digest
from kaitu.remote.ssh import Target, connect
from lab.faults import fault
from lab.fleet import SECRET_LINE, provision
from lab.node import Node
from lab.registry import Registry
from lab.stack import FOLDER, stack
from lab.wait import until

ENV = variables(K2OC_PORT="10001", K2_LOG_LEVEL="info")
STATE = "/var/lib/kaitu-operator"
LIVING = "{{.Name}} {{.State.StartedAt}} {{.State.Status}} {{.Config.Image}}"
KILL = f"pkill -9 -f '{STATE}/job/script job'; pkill -9 -f 'compose -p'"
SECRET = SECRET_LINE.strip().partition("=")[2]
JOB = f"flock -n {STATE}/job.lock true || cat {STATE}/job/state 2>/dev/null"
Living = dict[str, list[str]]


def release(version: str, text: str | None = None) -> dict[str, Any]:
    """A section compose whose gate has time enough on a busy machine."""
    return hasty(version, text, gate={"timeout": "90s"})


@pytest.fixture(scope="module")
def first(node: Node, pushed: Registry) -> Visitor:
    """v1 on a node that has its secret."""
    pushed.behave()
    provision(node)
    in_order(Visitor(node))
    return Visitor(node)


@pytest.fixture
def visitor(first: Visitor, registry: Registry) -> Visitor:
    """Whatever was before: v1 runs, nothing of v2 is on the node, and no try has to wait."""
    in_order(first)
    forget_pauses(first.node)
    first.node.run("docker images -q '*/*:v2' | xargs -r docker rmi -f")
    return Visitor(first.node)


def in_order(visitor: Visitor, version: str = "v1", env: dict[str, object] = ENV) -> None:
    found = visitor.settle(compose=release(version), env=env)
    wrong = [one for one in found.outcomes.values() if one.state is not State.IN_SYNC]
    assert not wrong, [(one.name, one.reason, one.message) for one in wrong]


def living(node: Node) -> Living:
    """Name of each container to when it started, its state and its image."""
    lines = node.run(f"docker ps -aq | xargs -r docker inspect -f '{LIVING}'").splitlines()
    return {name.lstrip("/"): rest for name, *rest in map(str.split, lines)}


def moved(before: Living, after: Living) -> set[str]:
    """The containers that came, went, were made anew or started again."""
    return {
        name
        for name in before.keys() | after.keys()
        if before.get(name, [])[:1] != after.get(name, [])[:1]
    }


def tags(node: Node) -> set[str]:
    return {image.rpartition(":")[2] for *_, image in living(node).values()}


def forget_pauses(node: Node) -> None:
    """As if failed jobs had ended an hour ago: their next try is due."""
    node.run(f"touch -d '1 hour ago' {STATE}/job/result.*")


def until_phase(visitor: Visitor, version: str, *phases: str) -> None:
    """Visit until a job to this release has come this far."""

    def there() -> bool:
        state = visitor.node.run(f"{JOB} || :").split()
        if state[2:] and state[2] in phases:
            return True
        visitor.visit(compose=release(version), env=ENV)
        return False

    until(there, 120, f"phase {phases}")


def test_a_registry_is_not_asked_again_before_its_time(
    visitor: Visitor, node: Node, registry: Registry
) -> None:
    registry.misbehave(code=429)
    found = visitor.settle(compose=release("v2"), env=ENV)
    assert compose(found).reason is Reason.PULL_RATE_LIMITED
    asked = registry.stats()["requests"]

    visitor.settle(compose=release("v2"), env=ENV)

    assert registry.stats()["requests"] == asked
    registry.behave()
    forget_pauses(node)
    in_order(visitor, "v2")


@pytest.mark.parametrize(
    ("code", "reason"),
    [(500, Reason.PULL_FAILED), (403, Reason.IMAGE_NOT_FOUND), (404, Reason.IMAGE_NOT_FOUND)],
)
def test_a_registry_that_refuses_moves_nothing(
    visitor: Visitor, node: Node, registry: Registry, code: int, reason: Reason
) -> None:
    before = living(node)
    registry.misbehave(code=code)

    found = visitor.settle(compose=release("v2"), env=ENV)

    assert (compose(found).state, compose(found).reason) == (State.FAILED, reason)
    assert moved(before, living(node)) == set()
    assert node.read(f"{FOLDER}/docker-compose.yml") == stack("v1")


def test_a_known_release_needs_no_registry(
    visitor: Visitor, node: Node, registry: Registry
) -> None:
    """Neither for other variables, nor as the way back from a release that is held."""
    before = living(node)
    visitor.settle(compose=release("v3-sick"), env=ENV)
    registry.stop()
    try:
        in_order(visitor, env=variables(K2OC_PORT="10005", K2_LOG_LEVEL="info"))
    finally:
        registry.start_again()

    assert moved(before, living(node)) == {"k2-sidecar", "k2-oc"}
    assert tags(node) == {"v1"}


def test_a_file_edited_by_hand_is_put_back_without_a_restart(visitor: Visitor, node: Node) -> None:
    before = living(node)
    node.run(f"echo '# x' >>{FOLDER}/docker-compose.yml")

    in_order(visitor)

    assert node.read(f"{FOLDER}/docker-compose.yml") == stack("v1")
    assert moved(before, living(node)) == set()


def test_a_refused_file_gives_away_no_value(visitor: Visitor, node: Node) -> None:
    """What compose says of it would quote the secret."""
    text = stack("v1").replace("cap_add:", "cap_ad: ${K2_NODE_SECRET}\n    cap_add:")
    quoted = node.run(
        f"cat >/run/bad.yml; docker compose -f /run/bad.yml --env-file {FOLDER}/.env config",
        input=stack("v1").replace("10001}:443", "10001}:${K2_NODE_SECRET}"),
        check=False,
    )
    assert SECRET in quoted, "the control: compose does quote it"

    found = visitor.settle(compose=release("bad", text), env=ENV)

    assert compose(found).reason is Reason.COMPOSE_INVALID
    assert SECRET not in str(found)
    assert SECRET not in node.run(f"grep -r . {STATE}")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("dockerdown", Reason.DOCKER_DOWN), ("dockerhang", Reason.DOCKER_HUNG)],
)
def test_a_docker_that_falls_silent_during_the_job_is_no_fault_of_the_release(
    visitor: Visitor, node: Node, name: str, reason: Reason
) -> None:
    until_phase(visitor, "v2", "swap", "gate", "up")
    with fault(node, name):
        for _ in range(
            2
        ):  # a look at a hanging Docker takes ten seconds, which the job must notice
            found = visitor.visit(compose=release("v2"), env=ENV)
            assert compose(found).busy or compose(found).state is State.UNKNOWN
            assert found.outcomes["health"].reason is reason
    until(lambda: node.run("docker ps"), 60, "Docker")
    until(lambda: not node.run(f"{JOB} || :"), 400, "end of the job")
    assert "held" not in node.run(f"ls {STATE}").split()
    forget_pauses(node)

    in_order(visitor, "v2")

    assert tags(node) == {"v2"}


def test_a_cut_release_is_undone_also_when_the_files_went_back(
    visitor: Visitor, node: Node
) -> None:
    """File and .env may read as the record says while containers are of the other release."""
    until_phase(visitor, "v2", "verify")
    node.run(KILL, check=False)
    until(lambda: not node.run(f"{JOB} || :"), 60, "end of the job")
    forget_pauses(node)
    node.write(f"{FOLDER}/docker-compose.yml", stack("v1"))
    assert tags(node) == {"v2"}

    in_order(visitor)

    assert tags(node) == {"v1"}
    assert not node.run(f"cat {STATE}/job/pending 2>/dev/null || :")


def test_a_pull_that_is_killed_is_begun_again(
    visitor: Visitor, node: Node, registry: Registry
) -> None:
    registry.misbehave("slow", seconds=20)
    until_phase(visitor, "v2", "pull")
    node.run(KILL, check=False)
    registry.behave()
    until(lambda: not node.run(f"{JOB} || :"), 60, "end of the job")
    forget_pauses(node)

    in_order(visitor, "v2")


def test_one_job_at_a_time(visitor: Visitor, node: Node) -> None:
    until_phase(visitor, "v2", "swap", "gate", "up", "verify")

    done = asyncio.run(_start_another(node))

    assert (done.code, done.detail) == ("EBUSY", "job")
    in_order(visitor, "v2")


async def _start_another(node: Node) -> Done:
    key, text = Secret(node.keys.private), stack("v1").encode()
    about = ("pull", "key", "v1", FOLDER, digest(text), str(len(text)), "0", "1", "0", "15")
    words = (*about, "restore", "-", "0", "-", "--", "--")
    target = Target(node.address, node.port, "ubuntu", key, (node.host_key,))
    connection = await connect(target, lambda _: None)
    try:
        return await connection.write(Command("start_job", words, text), WHO.guard)
    finally:
        connection.close()


def test_a_stranger_in_the_project_is_reported_and_left(visitor: Visitor, node: Node) -> None:
    labels = {
        "project": "kaitu-slave", "service": "extra", "project.working_dir": FOLDER,
        "oneoff": "False", "config-hash": "x", "container-number": "1",
    }  # fmt: skip
    given = " ".join(f"--label com.docker.compose.{name}={word}" for name, word in labels.items())
    node.run(f"docker run -d --name extra {given} registry.lab:5000/k2-oc:v1")
    before = living(node)["extra"]

    found = visitor.settle(compose=release("v2"), env=ENV)

    assert any("extra" in one["evidence"] for one in compose(found).report["findings"])
    assert living(node)["extra"] == before
    node.run("docker rm -f extra")


def test_a_project_of_another_name_stays_what_it_is(visitor: Visitor, node: Node) -> None:
    """People may have started it with -p: a second project beside it would be an outage."""
    made = f"docker compose -p stack --project-directory {FOLDER} -f {FOLDER}/docker-compose.yml"
    node.run(f"docker rm -f $(docker ps -aq); {made} up -d 2>&1", timeout=120)

    in_order(visitor, "v2")

    label = '{{index .Config.Labels "com.docker.compose.project"}}'
    assert set(node.run(f"docker inspect -f '{label}' $(docker ps -aq)").split()) == {"stack"}
    node.run("docker rm -f $(docker ps -aq)")


@pytest.fixture
def volumes(node: Node) -> Iterator[None]:
    """What the services have stored is there afterwards as before."""
    mark = "/var/lib/docker/volumes/kaitu-slave_config/_data/mark"
    node.run(f"date >{mark}")
    before = node.read(mark)
    yield
    assert node.read(mark) == before


@pytest.mark.usefixtures("volumes")
def test_a_power_cut_in_the_middle_is_recovered_from(visitor: Visitor, node: Node) -> None:
    until_phase(visitor, "v2", "gate", "up")
    node.power_cut()
    forget_pauses(node)

    in_order(visitor, "v2")

    assert tags(node) == {"v2"}
    assert node.read(f"{FOLDER}/docker-compose.yml") == stack("v2")
