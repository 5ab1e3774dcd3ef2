"""kaituctl over a real API server, beside a running operator and a real node."""

import json
import os
import pty
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.ctl import DIFFERS, IN_SYNC, PROGRAM, SYSCTL, TROUBLE, USAGE, Ended
from integration.kubectl import User, plugins, viewer
from lab import fleet
from lab.cluster import Cluster
from lab.faults import fault
from lab.node import Node
from lab.operator import Operator
from lab.wait import until

CC = "net.ipv4.tcp_congestion_control"


@pytest.fixture(scope="module")
def me(cluster: Cluster, node: Node, operator: Operator) -> User:
    """An administrator, whose only node is visited once an hour."""
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.kaitu_node("vps", node, sysctl=SYSCTL, interval="1h"),
    )
    fleet.wait_ready(cluster, "vps")
    return User(cluster.kubeconfig, cluster.namespace)


def body(cluster: Cluster) -> dict[str, Any]:
    return cluster.get("kaitunode", "vps")


def drift(node: Node) -> None:
    node.run(f"sysctl -qw {CC}=reno")


def mended(node: Node) -> bool:
    return node.run(f"sysctl -n {CC}").strip() == "bbr"


def test_get_is_what_kubectl_gets(me: User, cluster: Cluster) -> None:
    for wide in ((), ("-o", "wide")):
        shown = cluster.kubectl("get", "kaitunodes", *wide).splitlines()
        mine = me.run("get", *wide)
        head, row = mine.out.splitlines()
        assert (mine.code, mine.err) == (IN_SYNC, "")
        assert head.split() == shown[0].split()
        assert len(row.split()) == len(shown[1].split())
        assert row.split()[:3] == shown[1].split()[:3]
    assert me.run("get", "vps", "-o", "name").out == cluster.kubectl(
        "get", "kaitunode", "vps", "-o", "name"
    )
    assert me.json("get", "vps") == body(cluster)
    assert yaml.safe_load(me.run("get", "-o", "yaml").out)["items"] == [body(cluster)]
    assert me.run("get", "-A").out.startswith("NAMESPACE ")


def test_labels_choose(me: User, cluster: Cluster) -> None:
    cluster.kubectl("label", "kaitunode", "vps", "ring=canary")
    assert me.run("get", "-l", "ring=canary", "-o", "name").out
    nobody = me.run("get", "-l", "ring=other")
    assert (nobody.code, nobody.out, nobody.err) == (IN_SYNC, "", "no KaituNode found\n")


def test_the_page_of_a_node(me: User, node: Node) -> None:
    ended = me.run("status", "vps")
    assert ended.code == IN_SYNC, ended
    assert f"root@{node.address}:{node.port}" in ended.out
    for part in ("Ready: True", "ProbeTrusted  True", "sysctl  InSync", "Nothing to do."):
        assert part in ended.out
    assert "\x1b" not in ended.out


def test_a_visit_is_asked_for_and_mends(me: User, node: Node) -> None:
    drift(node)
    ended = me.run("reconcile", "vps", "--wait")
    assert (ended.code, ended.out) == (IN_SYNC, "vps: Ready True, Ready\n"), ended
    assert mended(node)


def test_what_differs_is_told_fresh(me: User, node: Node, cluster: Cluster) -> None:
    fleet.patch(cluster, "vps", mode="Observe")
    assert me.run("diff", "vps", "--fresh").code == IN_SYNC
    drift(node)
    assert me.run("diff", "vps").code == IN_SYNC, "as of the last visit"

    ended = me.run("diff", "vps", "--fresh")

    assert ended.code == DIFFERS, ended
    assert f"set {CC}: reno -> bbr (disrupts the host)" in ended.out
    assert ended.err.startswith("as of the visit reported ")
    (told,) = me.json("diff", "vps")["nodes"]
    assert (told["code"], told["inSync"]) == (DIFFERS, False)
    fleet.patch(cluster, "vps", mode="Enforce")
    assert me.run("reconcile", "vps", "--wait").code == IN_SYNC
    assert mended(node)


def test_a_node_that_is_not_reached_is_an_answer(me: User, node: Node) -> None:
    with fault(node, "sshd"):
        ended = me.run("reconcile", "--all", "--wait")
        assert (ended.code, ended.err) == (DIFFERS, ""), ended
        assert "vps: Ready False, DialRefused" in ended.out
        page = me.run("status", "vps")
        assert page.code == DIFFERS
        assert "DialRefused: Nothing listens" in page.out
        assert me.run("diff", "vps").code == TROUBLE
    assert me.run("reconcile", "vps", "--wait").code == IN_SYNC


def test_suspended_until_resumed(me: User, cluster: Cluster, node: Node) -> None:
    assert me.run("suspend", "vps").out == "vps: suspended\n"
    fleet.wait(cluster, "vps", lambda s: s.says("Ready", "Unknown", "Suspended"), 30, "suspended")
    assert me.run("suspend", "vps").out == "vps: is suspended already\n"
    refused = me.run("reconcile", "vps", "--wait")
    assert refused.code == TROUBLE
    assert "it is suspended" in refused.err
    assert "kaituctl resume vps" in me.run("status", "vps").out

    assert me.run("resume", "-l", "ring=canary").out == "vps: resumed\n"
    fleet.wait_ready(cluster, "vps")


def test_a_request_that_stands_is_asked_again(me: User, cluster: Cluster) -> None:
    """What is held is a name that stays the same: the annotation alone would ask once."""
    held = "0123456789abcdef"
    me.run("suspend", "vps")
    fleet.wait(cluster, "vps", lambda s: s.says("Ready", "Unknown", "Suspended"), 30, "suspended")
    assert me.run("retry", "vps").out == "vps: nothing is held\n"
    status = json.dumps({"status": {"revision": {"held": held}, "handled": {"retry": held}}})
    patch = ("patch", "kaitunode", "vps", "--subresource=status", "--type=merge", "-p")
    cluster.kubectl(*patch, status)
    cluster.kubectl("annotate", "kaitunode", "vps", f"fleet.kaitu.io/retry={held}")
    waits = me.start("retry", "vps", "--timeout", "60s")
    until(lambda: "retry" not in str(body(cluster)["metadata"].get("annotations")), 30, "asking")
    cluster.kubectl(*patch, json.dumps({"status": {"handled": {"retry": None}}}))
    out, _ = waits.communicate(timeout=60)
    assert out == f"vps: {held} will be tried once more\n"
    assert body(cluster)["metadata"]["annotations"]["fleet.kaitu.io/retry"] == held
    cluster.kubectl("annotate", "kaitunode", "vps", "fleet.kaitu.io/retry-")
    me.run("resume", "vps")
    assert me.run("reconcile", "vps", "--wait").code == IN_SYNC


def test_nothing_is_asked_by_mistake(me: User, cluster: Cluster) -> None:
    before = body(cluster)["metadata"]["resourceVersion"]
    for words in (
        ("suspend",),
        ("suspend", "vps", "--all"),
        ("accept-host-key", "vps", "SHA256:x"),
        ("accept-host-key", "vps", "x"),
        ("reconcile", "vps", "--timeout", "soon"),
        ("get", "-A", "-n", "x"),
        ("get", "vps", "-l", "a=b"),
    ):
        ended = me.run(*words)
        assert (ended.code, ended.out) == (USAGE, ""), ended
    missing = me.run("reconcile", "vps", "nobody")
    assert missing.code == TROUBLE
    assert "'nobody' not found" in missing.err
    assert body(cluster)["metadata"]["resourceVersion"] == before


def test_who_may_only_look_is_told_so(me: User, cluster: Cluster) -> None:
    other = viewer(cluster)
    assert other.run("get", "-o", "name").out == me.run("get", "-o", "name").out
    assert other.run("status", "vps").code == IN_SYNC
    before = body(cluster)["metadata"]["resourceVersion"]

    refused = other.run("suspend", "vps")

    assert (refused.code, refused.out) == (TROUBLE, "")
    assert "cannot patch resource" in refused.err
    assert body(cluster)["metadata"]["resourceVersion"] == before
    found = other.findings()
    assert not [one for one in found if one["level"] == "bad"], found
    notes = [one["message"] for one in found if one["level"] == "note"]
    assert [note for note in notes if "you may not patch kaitunodes" in note], found
    assert {one["check"] for one in found if one["level"] == "unknown"} == {"operator", "keys"}


def test_all_is_well_says_doctor(me: User, cluster: Cluster) -> None:
    found = me.findings()
    checks = ["kubeconfig", "server", "login", "crd", "rights", "operator", "keys", "nodes"]
    assert [one["check"] for one in found if one["level"] == "ok"] == checks, found
    assert me.run("doctor").code == IN_SYNC
    assert me.json("version")["operator in kaitu-system"] == me.json("version")["client"]


def test_two_operators_over_one_namespace_are_found(me: User, cluster: Cluster) -> None:
    """The Lease is what an operator in another namespace shows of itself."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    cluster.apply(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "kaitu-operator", "annotations": {"fleet.kaitu.io/watches": "*"}},
            "spec": {"holderIdentity": "second", "renewTime": now, "leaseDurationSeconds": 15},
        }
    )
    bad = [one["message"] for one in me.findings() if one["level"] == "bad"]
    assert len(bad) == 1, bad
    assert bad[0].startswith("two operators, in ")
    assert "kaitu-system" in bad[0]
    assert cluster.namespace in bad[0]
    cluster.kubectl("delete", "lease", "kaitu-operator")


def test_changes_are_followed(me: User) -> None:
    """Without a terminal: a line for each change."""
    with me.start("watch") as watching:
        assert watching.stdout
        first = watching.stdout.readline()
        assert first.startswith(f"{me.namespace}/vps True")
        me.run("suspend", "vps")
        seen = ""
        while "Suspended" not in seen:
            seen = watching.stdout.readline()
            assert seen, "the watch ended"
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 130
    me.run("resume", "vps")


def test_the_live_table_fits_a_terminal(me: User) -> None:
    said = terminal(me, "watch", until_seen="vps")
    assert "1 nodes: 1 ready" in said or "1 nodes: 1 unknown" in said, said
    assert "NAME" in said


def terminal(user: User, *words: str, until_seen: str) -> str:
    """What the command writes on a terminal until a word is there; then Ctrl-C."""
    leader, follower = pty.openpty()
    env = {**user.environment, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    argv = [*PROGRAM, *words, "-n", user.namespace]
    running = subprocess.Popen(argv, env=env, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    said = ""
    while until_seen not in said:
        said += os.read(leader, 65536).decode(errors="replace")
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 130
    os.close(leader)
    return said


def test_kubectl_knows_it_as_a_plugin(me: User, tmp_path: Path) -> None:
    kubectl = plugins(tmp_path)
    env = {**me.environment, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    def run(*words: str) -> str:
        done = subprocess.run(
            [str(kubectl), *words], env=env, capture_output=True, text=True, check=True
        )
        return done.stdout

    here = ("-n", me.namespace)
    assert run("kaitu", "get", "-o", "name", *here) == "kaitunode.fleet.kaitu.io/vps\n"
    commands = run("__complete", "kaitu", "re").splitlines()
    assert [line.split("\t")[0] for line in commands[:-1]] == ["reconcile", "resume", "retry"]
    assert run("__complete", "kaitu", "status", *here, "") == "vps\n:4\n"
    assert "--namespace" in run("__complete", "kaitu", "get", "--name")


def test_an_operator_that_is_gone_is_missed(me: User, operator: Operator) -> None:
    operator.stop()
    bad = [one for one in me.findings() if one["level"] == "bad"]
    assert [one["check"] for one in bad] == ["operator"]
    ended: Ended = me.run("reconcile", "vps", "--wait", "--timeout", "2s")
    assert ended.code == TROUBLE
    assert "not done within 2 s" in ended.err
