"""What the tutorials tell people to type is typed here; the how-tos have tests of their own."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.desk import Desk
from integration.pages import follow, pages
from integration.reading import with_operator
from lab import demo, fleet
from lab.controlplane import ControlPlane
from lab.hand_over import hand_over
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.run import Lab
from lab.stack import ENV_SAMPLE, FOLDER, stack
from lab.stage import Stage

FOLLOWED = {
    "how-to/fleet.md": "test_howto_gitops.py",
    "how-to/gitops-argocd.md": "test_howto_gitops.py",
    "how-to/gitops-flux.md": "test_howto_gitops.py",
    "how-to/install.md": "test_chart_install.py",
    "how-to/k3s.md": "test_howto_gitops.py",
    "how-to/monitoring.md": "test_howto.py",
    "how-to/rebuild-cluster.md": "test_howto.py",
    "how-to/remove-node.md": "test_howto.py",
    "how-to/rotate-ssh-key.md": "test_howto.py",
    "how-to/scale.md": "test_howto.py",
    "how-to/upgrade.md": "test_howto.py",
    "tutorials/first-own-vps.md": "test_docs.py",
    "tutorials/first-ten-minutes.md": "test_docs.py",
    "tutorials/gitops.md": "test_docs.py",
}
"""Each page with commands, and the file whose tests follow it."""

EXAMPLE = "203.0.113.7"


def test_no_page_with_commands_is_left_out() -> None:
    assert set(pages()) == set(FOLLOWED)


@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_is_followed_where_it_is_said(page: str) -> None:
    text = (Path(__file__).parent / FOLLOWED[page]).read_text()
    assert re.search(rf'(follow\(|[A-Z] = )"{re.escape(page)}"', text)


@pytest.fixture
def stage(lab: Lab) -> Iterator[Stage]:
    """The demo's first act: one node that follows its KaituNode."""
    made = demo.set_up(lab)
    demo.first_sight(made)
    yield made
    made.operator.stop()
    made.node.remove()


def test_the_first_ten_minutes(stage: Stage, tmp_path: Path) -> None:
    hand_over(stage.cluster, stage.node, tmp_path / ".demo")
    told = follow("tutorials/first-ten-minutes.md", tmp_path, {})
    assert "no-such-key" in told


@pytest.fixture
def living(node: Node, pushed: Registry) -> Node:
    """A node that a person has set up by hand."""
    pushed.behave()
    node.write(f"{FOLDER}/.env", ENV_SAMPLE, mode=0o600)
    node.write(f"{FOLDER}/docker-compose.yml", stack("v1"))
    node.run(f"cd {FOLDER} && docker compose pull -q && docker compose up -d --wait", timeout=180)
    return node


def test_the_first_own_vps(bare: ControlPlane, living: Node, tmp_path: Path) -> None:
    desk = Desk.furnish(tmp_path / "desk", bare.kubeconfig)
    desk.takes_key(living)
    before = demo.started(living)

    told = with_operator(
        bare,
        tmp_path,
        lambda: desk.follow("tutorials/first-own-vps.md", {EXAMPLE: living.address}),
    )

    assert "STATUS: deployed" in told
    assert demo.started(living) == before, "nothing was restarted on the way"
    assert living.run("sysctl -n net.ipv4.tcp_congestion_control").strip() == "bbr"


KEYS = {  # those of the example's nodes, of which nobody has the private half
    "tokyo-1": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJiUh4mWqGseSp+jcAUVNczVR8HqwMYstq5s14DZ3sey",
    "singapore-1": (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL/W93hFiUpVeyhsn4LfuDIaWgel/dfNh9Vp4ZgondFh"
    ),
}
ADDRESSES = {"tokyo-1": "203.0.113.11", "singapore-1": "203.0.113.21"}


@pytest.fixture
def pair(lab: Lab, pushed: Registry) -> Iterator[dict[str, Node]]:
    """Two new VPS, as the tutorial asks for them."""
    pushed.behave()
    nodes = {name: lab.node(name) for name in KEYS}
    for node in nodes.values():
        fleet.provision(node)
    yield nodes
    for node in nodes.values():
        node.remove()


@pytest.fixture
def operator(plane: ControlPlane, lab: Lab) -> Iterator[Operator]:
    started = Operator.start(plane, lab.state / "gitops.log", "--namespace", "kaitu")
    yield started
    started.stop()


def test_a_fleet_from_git(
    plane: ControlPlane, operator: Operator, pair: dict[str, Node], tmp_path: Path
) -> None:
    desk = Desk.furnish(tmp_path / "desk", plane.kubeconfig)
    desk.takes_key(pair["tokyo-1"])
    for version, tag in (("5.4.0", "v1"), ("5.4.1", "v2")):  # the public images are out of reach
        (desk.folder / f"examples/fleet/shared/compose-{version}.yml").write_text(stack(tag))
    real = {ADDRESSES[name]: node.address for name, node in pair.items()}
    real |= {KEYS[name]: node.host_key for name, node in pair.items()}

    told = desk.follow("tutorials/gitops.md", real)

    assert "WaitingForSlot" in told
    assert "ImageNotFound" in told
    for node in pair.values():
        images = node.run("docker ps --format '{{.Image}}'").split()
        assert {image.rpartition(":")[2] for image in images} == {"v2"}
    assert operator.alive()
