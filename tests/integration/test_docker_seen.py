"""What Docker has on a real node is seen, also where not all of it is asked for again."""

import asyncio

import pytest

from integration.visits import Visitor, changed, compose, release, started
from kaitu.core.containers import Engine, parse_docker
from kaitu.core.outcome import State
from kaitu.core.reasons import Reason
from kaitu.remote.ssh import connect
from lab.fleet import provision
from lab.node import Node
from lab.registry import Registry
from lab.stack import FOLDER

RELEASE = release("v1")
STATE = "/var/lib/kaitu-operator"


@pytest.fixture(scope="module")
def visitor(node: Node, pushed: Registry) -> Visitor:
    """v1 runs and is in order."""
    pushed.behave()
    provision(node)
    found = Visitor(node)
    assert compose(found.settle(compose=RELEASE)).state is State.IN_SYNC
    return found


def test_a_service_that_went_with_its_image_is_pulled_and_started(
    visitor: Visitor, node: Node
) -> None:
    before = started(node)
    image = node.run("docker inspect -f '{{.Config.Image}}' k2-oc").strip()
    node.run(f"docker rm -f k2-oc && docker rmi -f {image}")

    gone = compose(visitor.settle(compose=RELEASE))
    assert (gone.reason, image in gone.message) == (Reason.PULL_FAILED, True)
    # the pull of the release is long ago, and the pause is over
    node.run(f"cd {STATE}/job && touch -d '1 hour ago' result.pull")
    node.run(f"cd {STATE}/job && touch -d '1 minute ago' result.repair")
    found = visitor.settle(compose=RELEASE)

    assert compose(found).state is State.IN_SYNC
    assert changed(node, before) == {"k2-oc"}


def test_what_is_told_again_hides_nothing_of_the_engine(visitor: Visitor, node: Node) -> None:
    """One connection, which knows the versions and where the list of the containers lies."""
    image = node.run("docker inspect -f '{{.Image}}' k2-oc").strip()
    changes = ("true", "true", f"docker create --name passing {image}", "docker rm passing")

    async def seen() -> list[Engine]:
        link, told = await connect(visitor.target, lambda _: None), [Engine("hung")]
        for change in (*changes, "systemctl restart docker"):
            node.run(change)
            asked = f"{FOLDER}\n".encode() + told[-1].known
            told.append(parse_docker((await link.probe({"docker": asked}))["docker"]))
        link.close()
        return told

    _, first, again, more, less, after = asyncio.run(seen())

    assert first.mark.endswith(",listed")
    assert first == again == less
    assert {one.name for one in more.containers} - {one.name for one in less.containers} == {
        "passing"
    }
    assert (more.mark, after.state, after.version) == (first.mark, "ok", first.version)
    assert after.mark != first.mark
