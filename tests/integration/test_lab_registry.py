"""The registry is real, misbehaves as told, and the fleet's stacks come up from it."""

import re
import urllib.request

import pytest

from lab.node import Node
from lab.registry import Registry
from lab.stack import ENV_SAMPLE, FOLDER, NEW_STACK, OLD_STACK, stack
from lab.wait import until

UP = f"cd {FOLDER} && docker compose pull -q && docker compose up -d"
PULL = "docker pull registry.lab:5000/k2v5:v2"
GONE = "no such host|refused|timeout|no route|misbehaving|server"


@pytest.fixture(scope="module")
def running(node: Node, pushed: Registry) -> Node:
    pushed.behave()
    node.write(f"{FOLDER}/docker-compose.yml", NEW_STACK)
    node.write(f"{FOLDER}/.env", ENV_SAMPLE, mode=0o600)
    node.run(UP, timeout=180)
    return node


def test_stack_is_healthy_and_serves(running: Node) -> None:
    health = running.run("docker inspect -f '{{.State.Health.Status}}' k2-sidecar")
    assert health.strip() == "healthy"
    for port, answer in ((443, "k2v5 v1"), (8443, "k2-slave v1"), (10001, "k2-oc v1")):
        assert _said(running, port) == answer


def test_tag_moves_and_digest_says_so(running: Node, registry: Registry) -> None:
    was = registry.push("v1")["k2v5:v1"]
    assert running.run("docker inspect -f '{{.Image}}' k2v5").strip() == was.image_id
    assert registry.push("v4", "v1")["k2v5:v1"] == was
    registry.tag("k2v5", "v4", "rolling")
    show = "docker run --rm --entrypoint cat registry.lab:5000/k2v5:rolling /version"
    assert running.run(f"docker pull -q registry.lab:5000/k2v5:rolling >&2; {show}") == "v4\n"


def test_old_stack_and_pinned_stack_are_valid(running: Node) -> None:
    for text in (OLD_STACK, stack("v2"), stack("v2", OLD_STACK)):
        running.write("/tmp/check/compose.yml", text)
        config = (
            f"docker compose --env-file {FOLDER}/.env -f /tmp/check/compose.yml config --images"
        )
        images = running.run(config).split()
        assert {image.split(":")[-1] for image in images} <= {"v1", "v2"}


def _said(node: Node, port: int) -> str:
    def ask() -> bytes:
        with urllib.request.urlopen(f"http://{node.address}:{port}/", timeout=5) as answer:
            body: bytes = answer.read()
        return body

    return until(ask, 30, f"answer on {port}").decode().strip()


@pytest.mark.parametrize(
    ("behaviour", "symptom"),
    [
        ({"mode": "status", "code": 429}, "toomanyrequests"),
        ({"mode": "status", "code": 500}, "500"),
        ({"mode": "status", "code": 403}, "denied"),
        ({"mode": "cut"}, "EOF"),
        ({"mode": "truncate", "path": "/blobs/"}, "EOF|short read|verification failed"),
    ],
)
def test_registry_misbehaves(
    node: Node, registry: Registry, behaviour: dict[str, str | int], symptom: str
) -> None:
    registry.misbehave(**behaviour)  # type: ignore[arg-type]
    node.run("docker rmi -f registry.lab:5000/k2v5:v2", check=False)
    assert re.search(symptom, node.run(PULL, check=False))
    assert registry.stats()["spoiled"] > 0
    registry.behave()
    assert "Downloaded newer image" in node.run(PULL)


def test_registry_misbehaves_only_as_often_as_told(node: Node, registry: Registry) -> None:
    registry.misbehave(code=429, count=1, path="/manifests/", retry_after=1)
    node.run(PULL, check=False)
    node.run(PULL)
    assert registry.stats()["spoiled"] == 1


def test_registry_goes_and_returns_with_its_images(node: Node, registry: Registry) -> None:
    registry.stop()
    assert re.search(GONE, node.run(PULL, check=False))
    registry.start_again()
    node.run(PULL)
