"""Images by tag and by content: pulled on demand or by schedule, pinned, held, tried again."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from integration.restores import assert_held, living
from integration.visits import Visitor, compose, release, variables
from kaitu.core.desired import Requests
from kaitu.core.outcome import State
from kaitu.core.reasons import Reason
from kaitu.engine.visit import Visit
from lab.fleet import provision
from lab.node import Node
from lab.registry import Registry
from lab.roles import Pushed
from lab.run import Lab
from lab.stack import FOLDER, stack

ENV = variables(K2OC_PORT="10001")
STABLE = release("1.0.0", stack("stable"))
STATE = "/var/lib/kaitu-operator"
ROLES = ("k2-sidecar", "k2v5", "k2-slave", "k2-oc")


@dataclass
class Floating:
    """A node whose release follows the tag ``stable``; each call is a wish of its own."""

    visitor: Visitor
    registry: Registry
    asked: int = 0
    last: dict[str, list[str]] = field(default_factory=dict)

    @property
    def node(self) -> Node:
        return self.visitor.node

    def tag(self, version: str, *roles: str) -> None:
        for role in roles or ROLES:
            self.registry.tag(role, version, "stable")

    def settle(self, section: dict[str, Any] | None = None, **requests: Any) -> Visit:
        self.last = living(self.node)
        self.visitor.requests = Requests(**requests)
        return self.visitor.settle(compose=section or STABLE, env=ENV)

    def pull(self, section: dict[str, Any] | None = None) -> Visit:
        self.asked += 1
        return self.settle(section, pull_at=str(self.asked), now=self.asked)

    def moved(self) -> set[str]:
        """What was started since the last wish."""
        now = living(self.node)
        return {name for name in now if self.last.get(name, [])[:1] != now[name][:1]}


@pytest.fixture(scope="module")
def digests(lab: Lab) -> dict[str, Pushed]:
    return lab.registry.push("v2", "v3-sick", "v3-crash", "v1")


@pytest.fixture(scope="module")
def first(node: Node, lab: Lab, digests: dict[str, Pushed]) -> Floating:
    provision(node)
    return Floating(Visitor(node), lab.registry)


@pytest.fixture
def fleet(first: Floating) -> Floating:
    """Whatever was before: all follow the tag, which is v1."""
    first.registry.behave()
    first.tag("v1")
    first.node.run(f"touch -c -d '1 hour ago' {STATE}/job/result.*", check=False)
    first.settle()
    found = first.pull()
    assert {one.state for one in found.outcomes.values()} == {State.IN_SYNC}, found.outcomes
    assert all(name.endswith(":stable") for _, _, name, _ in living(first.node).values())
    first.visitor.log.clear()
    return first


def test_a_moved_tag_is_no_drift(fleet: Floating) -> None:
    fleet.tag("v2")

    fleet.settle()

    assert fleet.visitor.log == []
    assert fleet.moved() == set()


def test_a_pull_moves_only_what_is_newer(fleet: Floating) -> None:
    fleet.tag("v2", "k2-oc", "k2-sidecar")

    found = fleet.pull()

    assert fleet.moved() == {"k2-oc", "k2-sidecar"}
    assert compose(found).state is State.IN_SYNC
    assert compose(found).report["answered"] == ["pullAt"]
    assert compose(found).report["compose"]["updates"][-1]["result"] == "Applied"
    fleet.settle(pull_at=str(fleet.asked), now=99)
    assert fleet.visitor.log[2:] == [], "one request was answered twice"


def test_a_pull_of_nothing_new_is_silent(fleet: Floating) -> None:
    before = compose(fleet.settle()).report["compose"]["updates"]

    found = fleet.pull()

    assert fleet.visitor.log == ["pull the images of release 1.0.0 anew"]
    assert fleet.moved() == set()
    assert compose(found).report["compose"]["updates"] == before


def test_the_schedule_pulls(fleet: Floating) -> None:
    daily = {**STABLE, "autoUpdate": {"schedule": "0 20 * * *", "jitter": "10m"}}
    eight = 1795550400  # 20:00 in UTC
    fleet.settle(daily, now=eight - 1)
    fleet.visitor.log.clear()
    fleet.tag("v2", "k2-oc")

    fleet.settle(daily, now=eight + 299, share=0.5)
    assert fleet.visitor.log == []
    fleet.settle(daily, now=eight + 301, share=0.5)

    assert fleet.moved() == {"k2-oc"}
    fleet.settle(daily, now=eight + 86_000, share=0.5)
    assert len(fleet.visitor.log) == 2, "one time of the schedule was answered twice"


@pytest.mark.parametrize("registry_stays", [True, False])
def test_newer_images_that_fail_go_back_to_the_old_ones(
    fleet: Floating, registry_stays: bool
) -> None:
    fleet.tag("v3-crash", "k2v5")
    fleet.tag("v2", "k2-oc")
    images = {name: image for name, (*_, image) in living(fleet.node).items()}
    if not registry_stays:
        _until_pulled(fleet)
        fleet.registry.stop()
    try:
        found = (
            fleet.settle(pull_at=str(fleet.asked), now=9) if not registry_stays else fleet.pull()
        )
    finally:
        if not registry_stays:
            fleet.registry.start_again()

    held = assert_held(found, Reason.VERIFY_FAILED, "newer images: k2v5 does not run")
    assert {name: image for name, (*_, image) in living(fleet.node).items()} == images
    assert _tags_agree(fleet.node)
    log = list(fleet.visitor.log)
    fleet.pull()
    assert [text for text in fleet.visitor.log[len(log) :] if "update" in text] == [], "held"
    assert fleet.moved() == set()

    fleet.tag("v2", "k2v5")
    found = fleet.settle(retry=held, now=99)

    assert compose(found).state is State.IN_SYNC
    assert fleet.moved() >= {"k2v5", "k2-oc"}


def _until_pulled(fleet: Floating) -> None:
    fleet.asked += 1
    fleet.visitor.requests = Requests(pull_at=str(fleet.asked), now=fleet.asked)
    while not any("update" in step.text for step in _left(fleet)):
        pass


def _left(fleet: Floating) -> tuple[Any, ...]:
    """What the next visit would do; the brake keeps this one from the update itself."""
    found = replace(fleet.visitor, brake=0).visit(compose=STABLE, env=ENV)
    return compose(found).left


def _tags_agree(node: Node) -> bool:
    """Each tag of the stack is what runs: an up by hand would change nothing."""
    return all(
        node.run(f"docker image inspect -f '{{{{.Id}}}}' {name}").strip() == image
        for _, _, name, image in living(node).values()
    )


def test_while_a_pull_is_being_thought_of_a_repair_brings_the_old_image(fleet: Floating) -> None:
    fleet.tag("v2")
    _until_pulled(fleet)
    images = {name: image for name, (*_, image) in living(fleet.node).items()}
    fleet.node.run(
        f"cd {FOLDER} && docker image prune -f && docker rm -f k2-oc && docker compose up -d"
    )

    assert {name: image for name, (*_, image) in living(fleet.node).items()} == images


def test_a_pin_is_kept(fleet: Floating, digests: dict[str, Pushed]) -> None:
    pins = [{"service": name, "digest": digests[f"{name}:v2"].manifest} for name in ("k2-oc",)]
    pinned = {**STABLE, "images": pins}

    fleet.settle(pinned)
    assert fleet.moved() == {"k2-oc"}
    fleet.tag("v3-crash", "k2-oc")
    fleet.pull(pinned)
    assert fleet.moved() == set(), "a pin does not follow its tag"

    fleet.tag("v1", "k2-oc")
    fleet.node.run(f"cd {FOLDER} && docker compose pull -q k2-oc && docker compose up -d k2-oc")
    found = fleet.settle(pinned)

    assert fleet.moved() == {"k2-oc"}
    assert living(fleet.node)["k2-oc"][3] == digests["k2-oc:v2"].image_id
    assert compose(found).state is State.IN_SYNC


def test_a_pin_that_the_registry_lacks_is_named(fleet: Floating) -> None:
    pins = [{"service": "k2-oc", "digest": f"sha256:{'0' * 64}"}]

    found = fleet.settle({**STABLE, "images": pins})

    assert compose(found).reason is Reason.IMAGE_NOT_FOUND
    assert fleet.moved() == set()


def test_a_release_that_is_held_is_tried_again_once(fleet: Floating) -> None:
    fleet.tag("v3-sick", "k2-sidecar")
    again = release("2.0.0", stack("stable") + "# 2\n")
    held = assert_held(fleet.settle(again), Reason.GATE_FAILED, "runs again")
    fleet.settle(again)
    assert fleet.moved() == set()

    fleet.tag("v2", "k2-sidecar")
    found = fleet.settle(again, retry=held)

    assert compose(found).state is State.IN_SYNC
    assert compose(found).report["compose"]["version"] == "2.0.0"


def test_the_way_back_from_images_that_were_left_as_they_are(fleet: Floating) -> None:
    fleet.tag("v3-sick", "k2-sidecar")
    old = living(fleet.node)["k2-sidecar"][3]
    kept = release("3.0.0", stack("stable") + "# 3\n", onFailure="Hold")
    assert_held(fleet.settle(kept), Reason.GATE_FAILED, "left as it is")
    assert living(fleet.node)["k2-sidecar"][3] != old

    found = fleet.settle()

    assert compose(found).state is State.IN_SYNC
    assert living(fleet.node)["k2-sidecar"][3] == old


def test_a_retry_of_what_was_left_as_it_is_pulls_again(fleet: Floating) -> None:
    fleet.tag("v3-sick", "k2-sidecar")
    kept = release("5.0.0", stack("stable") + "# 5\n", onFailure="Hold")
    held = assert_held(fleet.settle(kept), Reason.GATE_FAILED, "left as it is")

    fleet.tag("v2", "k2-sidecar")
    found = fleet.settle(kept, retry=held)

    assert compose(found).state is State.IN_SYNC, found.outcomes


def test_a_pin_of_a_tag_that_is_shared_is_refused(
    fleet: Floating, digests: dict[str, Pushed]
) -> None:
    shared = stack("stable").replace("k2-slave:stable", "k2-oc:stable")
    pin = {"service": "k2-oc", "digest": digests["k2-oc:v2"].manifest}

    found = fleet.settle({**release("4.0.0", shared), "images": [pin]})

    assert compose(found).reason is Reason.COMPOSE_INVALID
    assert "k2-oc cannot be pinned" in compose(found).message
    assert fleet.moved() == set()
