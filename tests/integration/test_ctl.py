"""kaituctl on a real node: no cluster is near."""

from pathlib import Path

import pytest

from integration.ctl import DIFFERS, IN_SYNC, SYSCTL, Ctl
from integration.still import moved, stamp
from lab.node import Node

KEY = "net.ipv4.tcp_congestion_control"


@pytest.fixture(scope="module")
def ctl(tmp_path_factory: pytest.TempPathFactory) -> Ctl:
    base: Path = tmp_path_factory.mktemp("ctl")
    made = Ctl(base / "files", base / "home")
    made.folder.mkdir()
    return made


def test_a_plan_says_the_steps_and_leaves_the_node_as_it_is(ctl: Ctl, node: Node) -> None:
    node.run(f"sysctl -w {KEY}=reno")
    ctl.describe(node, sysctl=SYSCTL)
    stamp(node)

    ended = ctl.plan()

    assert ended.code == DIFFERS, ended
    assert f"set {KEY}: reno -> bbr (disrupts the host)" in ended.out
    assert "write /etc/sysctl.d/99-z-kaitu.conf" in ended.out
    assert moved(node) == []
    assert node.run(f"sysctl -n {KEY}").strip() == "reno"


def test_an_apply_brings_it_to_order_and_a_second_writes_nothing(ctl: Ctl, node: Node) -> None:
    first = ctl.apply()
    assert first.code == IN_SYNC, first
    assert node.run(f"sysctl -n {KEY}").strip() == "bbr"
    stamp(node)

    second = ctl.apply()

    assert (second.code, second.out) == (IN_SYNC, "vps: in sync\n"), second
    assert moved(node) == []
