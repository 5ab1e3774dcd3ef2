"""Nothing secret reaches a place where it could be read; the search itself is tested on plants.

One value of each kind that must never be seen travels through a whole life of a node at log level
DEBUG: applied, drifted, mended, refused in four ways, deleted. Then every sink is searched for it
in each form. A leak is planted in each sink, in each form: one that is not found voids the run.
"""

import base64
import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kaitu.core.redaction import CUT
from lab import fleet
from lab.audit import log_of
from lab.cluster import Cluster
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.stack import stack
from lab.wait import until

NODE_SECRET = "kaitu-canary-node-secret-7f31"
ENV_VALUE = "kaitu-canary-env-value-52c8"
BROKEN = "kaitu-canary-broken-line-9d04"
REFUSED = "kaitu-canary-refused-value-1b6e"
KEY = "kaitu-canary-private-key-e0a5"
CANARIES = (NODE_SECRET, ENV_VALUE, BROKEN, REFUSED, KEY)

# A recorder on the node: argv and environment of every process, as often as it can look; but not
# the environment of what runs in the services' containers, which is where the values belong.
SPY = """
cat >/run/spy.sh <<'END'
while :; do
    for p in /proc/[0-9]*; do
        tr '\\0' ' ' <$p/cmdline; echo
        [ "$(readlink $p/exe)" = /bin/busybox ] || { tr '\\0' ' ' <$p/environ; echo; }
    done 2>/dev/null
done | awk '!seen[$0]++ { print; fflush() }' >/run/spy.log
END
touch /var/tmp/begin
setsid sh /run/spy.sh >/dev/null 2>&1 &
"""

# Every file that has changed since, but for .env itself and Docker's own state, which has the
# containers' environment (also for a moment where it starts a health check).
FILES = """
find / /run /tmp -xdev -type f -newer /var/tmp/begin ! -path /apps/kaitu-slave/.env \
    ! -path '/run/spy*' ! -path '/var/lib/docker/*' ! -path '/var/lib/containerd/*' \
    ! -path '/tmp/runc-process*' ! -path '/run/docker/*' ! -path '/run/containerd/*' \
    ! -path '/proc/*' ! -path '/sys/*' \
    ! -path '/var/log/journal/*' -exec cat {} + 2>/dev/null; true
"""
LEAK = "/var/lib/kaitu-operator/leak"


def forms(canary: str) -> list[str]:
    """The canary as it is, in base64 at each of its three offsets, in hex and in a URL."""
    raw = canary.encode()
    offsets = [base64.b64encode(b"x" * n + raw).decode()[4:-4] for n in range(3)]
    return [canary, *offsets, raw.hex(), urllib.parse.quote(canary, safe="").replace("-", "%2D")]


def found(text: str) -> set[str]:
    return {form for canary in CANARIES for form in forms(canary) if form in text}


@pytest.fixture(scope="module")
def sinks(
    operator: Operator, cluster: Cluster, node: Node, pushed: Registry
) -> dict[str, Callable[[], str]]:
    """A node's whole life, and how each sink is read afterwards."""
    node.run(SPY)
    said = live(cluster, node)
    kinds = "kaitunodes,events.v1.events.k8s.io,events"
    seen = said + cluster.kubectl("get", kinds, "-o", "yaml", "--show-managed-fields")
    cluster.kubectl("delete", "kaitunode", "vps")
    until(lambda: 'node="vps"' not in operator.get("/metrics"), 90, "forgotten node")
    process = Path("/proc") / str(operator.pid)
    return {
        "log": lambda: operator.log,
        "metrics": lambda: operator.get("/metrics"),
        "objects before": lambda: seen,
        "objects": lambda: cluster.kubectl("get", kinds, "-o", "yaml", "--show-managed-fields"),
        "installation": lambda: cluster.plane.kubectl(
            "get", "configmaps,leases", "-n", "kaitu-system", "-o", "yaml"
        ),
        "audit": lambda: log_of(cluster.plane).read_text(),
        "argv and environ": lambda: node.run("cat /run/spy.log"),
        "the operator's own": lambda: "".join(
            (process / name).read_text(errors="replace") for name in ("cmdline", "environ")
        ),
        "journal": lambda: node.run("journalctl --no-pager -o cat"),
        "files": lambda: node.run(FILES),
    }


def live(cluster: Cluster, node: Node) -> str:
    """Returns what the resource said while something was refused."""
    fleet.provision(node, f"K2_NODE_SECRET={NODE_SECRET}\n")
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.env_secret("canary", value=ENV_VALUE, refused=REFUSED),
        fleet.release("1.0.0"),
        fleet.release("1.0.1", stack("v1").replace("cap_add:", "cap_ad: ${K2_NODE_SECRET}\n#")),
        fleet.kaitu_node("vps", node, **RIGHT),
    )
    to = fleet.kaitu_node("vps", node)["spec"]["connection"]
    fleet.patch(cluster, "vps", connection=to | {"user": "ubuntu"})
    fleet.wait_ready(cluster, "vps", 240)
    node.run("sed -i s/^K2_RADIUS_KEY=.*/K2_RADIUS_KEY=other/ /apps/kaitu-slave/.env")
    until(lambda: ENV_VALUE in node.read("/apps/kaitu-slave/.env"), 120, "mended .env")
    return refused(cluster, node)


def variable(key: str, name: str = "K2_RADIUS_KEY") -> dict[str, object]:
    source = {"secretKeyRef": {"name": "canary", "key": key}}
    return {"vars": [{"name": name, "valueFrom": source}]}


RIGHT: dict[str, Any] = {"env": variable("value"), "compose": {"version": "1.0.0"}}
WRONG: dict[str, dict[str, Any]] = {
    "ReferenceInvalid": {"env": variable("refused", "K2_LOG_LEVEL")},
    "ComposeInvalid": {"compose": {"version": "1.0.1"}},
}


def refused(cluster: Cluster, node: Node) -> str:
    """Four refusals, each about something secret: none may quote it, in status or event."""
    said = ""
    fleet.wait_ready(cluster, "vps", 180)
    node.run(f"echo 'X=\"{BROKEN}' >>/apps/kaitu-slave/.env")
    said += fails(cluster, "EnvUnparsable")
    node.run("sed -i '$d' /apps/kaitu-slave/.env")
    fleet.wait_ready(cluster, "vps", 180)
    for reason, wrong in WRONG.items():
        fleet.patch(cluster, "vps", **wrong)
        said += fails(cluster, reason)
        fleet.patch(cluster, "vps", **RIGHT)
        fleet.wait_ready(cluster, "vps", 180)
    secret = fleet.key_secret(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{KEY}\n")
    secret["metadata"] = {"name": "broken"}
    bad = fleet.kaitu_node("broken", node)
    bad["spec"]["connection"]["privateKeySecretRef"] = {"name": "broken"}
    cluster.apply(secret, bad)
    fleet.wait(
        cluster, "broken", lambda s: s.says("Reachable", "False", "KeyInvalid"), 90, "KeyInvalid"
    )
    return said


def fails(cluster: Cluster, reason: str) -> str:
    """The resource at that moment."""
    seen = fleet.wait(cluster, "vps", lambda s: s.says("InSync", "False", reason), 120, reason)
    return json.dumps(seen.body)


def test_no_canary_is_found_in_any_sink(sinks):
    leaks = {name: found(read()) for name, read in sinks.items()}

    assert {name: forms for name, forms in leaks.items() if forms} == {}


def test_nothing_had_to_be_cut_out_of_the_log(sinks):
    """What is known to be secret is cut out of it as a last net: nothing may fall into that."""
    assert CUT not in sinks["log"]()


def test_the_sinks_hold_what_they_should(sinks):
    """An empty sink would pass the search without having been searched."""
    assert "visit" in sinks["log"]() or "leads" in sinks["log"]()
    assert "kaitu_visits_total" in sinks["metrics"]()
    assert "K2_RADIUS_KEY" in sinks["objects before"]()
    assert all(reason in sinks["objects before"]() for reason in (*WRONG, "KeyInvalid"))
    assert "reason: EnvUnparsable" in sinks["objects"]()  # events stay
    assert "leaseTransitions" in sinks["installation"]()
    assert "kaitunodes/vps/status" in sinks["audit"]()
    assert "KUBECONFIG" in sinks["the operator's own"]()
    assert "sudo" in sinks["journal"]()
    assert "timeout -k 5 50 sh -c" in sinks["argv and environ"]()
    assert "k2-sidecar sha256:" in sinks["files"]()  # the record
    assert "registry.lab:5000" in sinks["files"]()  # the compose file in place


def test_deletion_leaves_the_node_as_it_is(sinks, node):
    assert NODE_SECRET in node.read("/apps/kaitu-slave/.env")
    assert ENV_VALUE in node.read("/apps/kaitu-slave/.env")
    assert len(node.run("docker ps -q").split()) == 4


# The search, on plants

ALIVE = "while [ -e /run/plant ]; do sleep 1; done"


@dataclass(frozen=True)
class Scene:
    """Where a leak can be planted."""

    operator: Operator
    cluster: Cluster
    node: Node


def label(leak: str) -> str:
    return f"leak-{hash(leak)}"


def append(log: Path, leak: str) -> None:
    with log.open("a") as file:
        file.write(f"{leak}\n")


def event(cluster: Cluster, leak: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "leak-"},
        "involvedObject": {"namespace": cluster.namespace},
        "message": leak,
    }


PLANTS: dict[str, tuple[str, Callable[[Scene, str], object]]] = {
    "log": ("log", lambda s, leak: append(s.operator.child.log, leak)),
    "annotation": (
        "objects",
        lambda s, leak: s.cluster.kubectl(
            "annotate", "--overwrite", "kaitunode", "broken", f"lab/{label(leak)}={leak}"
        ),
    ),
    "event": (
        "objects",
        lambda s, leak: s.cluster.kubectl(
            "create", "-f", "-", input=json.dumps(event(s.cluster, leak))
        ),
    ),
    "audit": ("audit", lambda s, leak: s.cluster.kubectl("get", "--raw", f"/version?{leak}")),
    "argv": (
        "argv and environ",
        lambda s, leak: s.node.run(f"setsid sh -c '{ALIVE}' {leak} >/dev/null 2>&1 &"),
    ),
    "environ": (
        "argv and environ",
        lambda s, leak: s.node.run(f"LEAK={leak} setsid sh -c '{ALIVE}' >/dev/null 2>&1 &"),
    ),
    "logger": ("journal", lambda s, leak: s.node.run(f"logger {leak}")),
    "record": ("files", lambda s, leak: s.node.run(f"echo {leak} >>{LEAK}")),
    "temporary": ("files", lambda s, leak: s.node.run(f"echo {leak} >>/tmp/leak")),
}


def named(scene: Scene, leak: str) -> None:
    """Metrics have no text but names, types and mounts."""
    scene.cluster.apply(fleet.kaitu_node(leak, scene.node, suspend=True))


PLANTS["metrics"] = ("metrics", lambda s, leak: named(s, leak))
# A name has no capitals, and kubectl itself undoes the escapes of a URL.
POSSIBLE = {"metrics": (0, 4), "audit": (0, 1, 2, 3, 4)}


@pytest.mark.parametrize(("sink", "plant"), PLANTS.values(), ids=PLANTS)
def test_a_planted_leak_is_found_in_each_form(sinks, operator, cluster, node, sink, plant):
    node.run("touch /run/plant")
    leaks = {forms(REFUSED)[number] for number in POSSIBLE.get(sink, range(6))}
    for leak in leaks:
        plant(Scene(operator, cluster, node), leak)
    until(lambda: leaks <= found(sinks[sink]()), 120, f"{leaks} in {sink}")
    node.run(f"rm -f /run/plant {LEAK} /tmp/leak")


def test_every_sink_but_copies_has_a_plant(sinks):
    """The same search over the same kind of text: what kubectl, cat and /proc print."""
    assert sinks.keys() - {sink for sink, _ in PLANTS.values()} == {
        *("objects before", "installation", "the operator's own"),
    }
