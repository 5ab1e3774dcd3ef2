"""kaituctl on a real node: no cluster is near."""

import re
from pathlib import Path

import pytest

from integration.ctl import DIFFERS, IN_SYNC, SYSCTL, TROUBLE, USAGE, Ctl
from integration.still import moved, stamp
from lab import fleet
from lab.faults import fault
from lab.node import Node

KEY = "net.ipv4.tcp_congestion_control"
CRON = {"entries": [{"name": "trim", "schedule": "@daily", "command": "/bin/true"}]}
OWNER = "/var/lib/kaitu-operator/owner"


@pytest.fixture(scope="module")
def ctl(tmp_path_factory: pytest.TempPathFactory) -> Ctl:
    """The kaituctl that owns the node of this module."""
    return Ctl.fresh(tmp_path_factory.mktemp("ctl"))


@pytest.fixture
def other(tmp_path: Path) -> Ctl:
    """Somebody else's, who has never written to a node."""
    return Ctl.fresh(tmp_path)


def reason(ctl: Ctl, kind: str = "Ready") -> str:
    """Why the only node is as it is, by a plan in JSON; the text says the same."""
    found = ctl.plan("-o", "json")
    (node,) = found.nodes
    said = {one["type"]: one["reason"] for one in node["status"]["conditions"]}[kind]
    ended = ctl.plan()
    assert (ended.code, found.code) == (node["code"], node["code"])
    assert said == "DriftObserved" or said in ended.out, ended
    return str(said)


def test_a_plan_says_the_steps_and_leaves_the_node_as_it_is(ctl: Ctl, node: Node) -> None:
    node.run(f"sysctl -w {KEY}=reno")
    ctl.describe(node, sysctl=SYSCTL, cron=CRON)
    stamp(node)

    ended = ctl.plan()

    assert ended.code == DIFFERS, ended
    assert f"set {KEY}: reno -> bbr (disrupts the host)" in ended.out
    assert "write /etc/sysctl.d/99-z-kaitu.conf" in ended.out
    assert "write /etc/cron.d/kaitu-trim" in ended.out
    assert moved(node) == []
    assert node.run(f"sysctl -n {KEY}").strip() == "reno"
    assert not list(ctl.home.iterdir()), "a plan needs no state"


def test_an_apply_brings_it_to_order_and_a_second_writes_nothing(ctl: Ctl, node: Node) -> None:
    first = ctl.apply()
    assert first.code == IN_SYNC, first
    assert node.run(f"sysctl -n {KEY}").strip() == "bbr"
    assert "/bin/true" in node.read("/etc/cron.d/kaitu-trim")
    stamp(node)

    second = ctl.apply()

    assert (second.code, second.out) == (IN_SYNC, "vps: in sync\n"), second
    assert moved(node) == []


def test_what_is_broken_is_seen_and_mended(ctl: Ctl, node: Node) -> None:
    node.run(f"sysctl -w {KEY}=reno")

    assert reason(ctl) == "DriftObserved"
    assert ctl.plan().code == DIFFERS

    assert ctl.apply().code == IN_SYNC
    assert node.run(f"sysctl -n {KEY}").strip() == "bbr"
    assert ctl.plan().code == IN_SYNC


def test_a_node_in_mode_observe_is_left_alone_by_an_apply(ctl: Ctl, node: Node) -> None:
    node.run(f"sysctl -w {KEY}=reno")
    ctl.describe(node, sysctl={**SYSCTL, "mode": "Observe"})

    assert "an apply changes nothing of it" in ctl.plan().out
    assert ctl.apply().code == DIFFERS
    assert node.run(f"sysctl -n {KEY}").strip() == "reno"

    ctl.describe(node, sysctl=SYSCTL, cron=CRON)
    assert ctl.apply().code == IN_SYNC


@pytest.mark.parametrize(
    ("name", "said"), [("sshd", "DialRefused"), ("hostkey", "HostKeyChanged")]
)
def test_a_node_that_is_not_reached_is_named(ctl: Ctl, node: Node, name: str, said: str) -> None:
    ctl.describe(node, sysctl=SYSCTL, cron=CRON)
    with fault(node, name):
        assert reason(ctl) == said
        ended = ctl.apply()
    assert ended.code == TROUBLE
    assert said in ended.out


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"interval": "1h1"}, "InvalidSpec"),
        ({"compose": {"version": "7"}}, "ReferenceNotFound: compose: ConfigMap compose-7"),
        ({"sysctl": {"settings": [{"name": "kernel.x", "value": "1"}]}}, "PolicyDenied"),
    ],
)
def test_what_the_operator_refuses_is_refused(ctl: Ctl, node: Node, spec, said: str) -> None:
    ctl.describe(node, **{"sysctl": SYSCTL, "cron": CRON, **spec})
    assert reason(ctl) == said.partition(":")[0]
    assert ctl.apply().code == TROUBLE
    ctl.describe(node, sysctl=SYSCTL, cron=CRON)


def test_a_host_key_is_learned_once_and_a_new_one_is_asked_about(other: Ctl, node: Node) -> None:
    to = fleet.kaitu_node("vps", node)
    del to["spec"]["connection"]["hostKeys"]
    to["spec"]["connection"]["hostKeyPolicy"] = "TrustOnFirstUse"
    other.write("vps", to, fleet.key_secret(node.keys.private))
    assert other.plan().code == IN_SYNC
    with fault(node, "hostkey"):
        refused = other.plan()
        assert refused.code == TROUBLE, refused
        accepted = re.search(r"--accept-host-key (SHA256:\S+)", refused.out)
        assert accepted, refused
        assert other.plan("--accept-host-key", "SHA256:other").code == TROUBLE
        assert other.plan("--accept-host-key", accepted[1]).code == IN_SYNC
        assert other.plan().code == IN_SYNC


def test_a_key_may_come_from_a_file(other: Ctl, node: Node) -> None:
    other.write("vps", fleet.kaitu_node("vps", node))
    assert reason(other) == "KeyNotFound"
    assert other.plan("--identity", str(node.keys.path)).code == IN_SYNC


def test_another_installations_node_is_refused(ctl: Ctl, other: Ctl, node: Node) -> None:
    other.describe(node, sysctl=SYSCTL)
    stamp(node)
    for ended in (other.plan(), other.apply()):
        assert ended.code == TROUBLE
        assert "OwnedByAnother: the node belongs to default/vps of installation" in ended.out
    assert moved(node) == []
    assert node.read(OWNER).split()[0] in (ctl.home / "kaitu/installation.json").read_text()


def test_what_cannot_be_worked_with_is_a_usage_error(other: Ctl, node: Node) -> None:
    other.describe(node)
    for words in (("--node", "nobody"), ("--policy", "/nonexistent"), ("--bad",)):
        assert other.plan(*words).code == USAGE
    assert other.run("plan", "-f", "/nonexistent").code == USAGE
