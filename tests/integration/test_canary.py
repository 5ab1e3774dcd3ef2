"""Nothing secret reaches a place where it could be read; the search itself is tested on plants.

One value of each kind that must never be seen travels through a whole life of a node at log level
DEBUG: applied, drifted, mended, refused, deleted. Then every sink is searched for it in each form.
"""

import base64
import urllib.parse
from collections.abc import Callable, Iterator

import pytest

from lab import fleet
from lab.audit import log_of
from lab.cluster import Cluster
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.run import Lab
from lab.wait import until

NODE_SECRET = "kaitu-canary-node-secret-7f31"
ENV_VALUE = "kaitu-canary-env-value-52c8"
BROKEN = "kaitu-canary-broken-line-9d04"
CANARIES = (NODE_SECRET, ENV_VALUE, BROKEN)

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
setsid sh /run/spy.sh >/dev/null 2>&1 &
"""


def forms(canary: str) -> list[str]:
    """The canary as it is, in base64 at each of its three offsets, in hex and in a URL."""
    raw = canary.encode()
    offsets = [base64.b64encode(b"x" * n + raw).decode()[4:-4] for n in range(3)]
    return [canary, *offsets, raw.hex(), urllib.parse.quote(canary, safe="").replace("-", "%2D")]


def found(text: str) -> list[str]:
    return [form for canary in CANARIES for form in forms(canary) if form in text]


@pytest.fixture(scope="module")
def sinks(
    lab: Lab, cluster: Cluster, node: Node, pushed: Registry
) -> Iterator[dict[str, Callable[[], str]]]:
    """A node's whole life, and how each sink is read afterwards."""
    node.run(SPY)
    log = lab.state / f"operator-{cluster.namespace}.log"
    operator = Operator.start(
        lab.control_plane, log, "--namespace", cluster.namespace, level="DEBUG"
    )
    live(cluster, node)
    yield {
        "log": lambda: operator.log,
        "metrics": lambda: operator.get("/metrics"),
        "objects": lambda: cluster.kubectl(
            "get", "kaitunodes,events", "-o", "yaml", "--show-managed-fields"
        ),
        "audit": lambda: log_of(cluster.plane).read_text(),
        "argv and environ": lambda: node.run("cat /run/spy.log"),
        "journal": lambda: node.run("journalctl --no-pager -o cat"),
        "records": lambda: node.run("cat /var/lib/kaitu-operator/* 2>/dev/null; true"),
    }
    operator.stop()


def live(cluster: Cluster, node: Node) -> None:
    fleet.provision(node, f"K2_NODE_SECRET={NODE_SECRET}\n")
    source = {"secretKeyRef": {"name": "canary", "key": "value"}}
    variables = [{"name": "K2_RADIUS_KEY", "valueFrom": source}]
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.env_secret("canary", value=ENV_VALUE),
        fleet.release("1.0.0"),
        fleet.kaitu_node("vps", node, env={"vars": variables}, compose={"version": "1.0.0"}),
    )
    cluster.kubectl("patch", "kaitunode", "vps", "--type=merge", "-p", AS_UBUNTU)
    fleet.wait_ready(cluster, "vps", 180)
    node.run("sed -i s/^K2_RADIUS_KEY=.*/K2_RADIUS_KEY=other/ /apps/kaitu-slave/.env")
    until(lambda: ENV_VALUE in node.read("/apps/kaitu-slave/.env"), 90, "mended .env")
    node.run(f"echo 'X=\"{BROKEN}' >>/apps/kaitu-slave/.env")
    fleet.wait(
        cluster, "vps", lambda s: s.says("InSync", "False", "EnvUnparsable"), 60, "EnvUnparsable"
    )
    node.run("sed -i '$d' /apps/kaitu-slave/.env")
    fleet.wait_ready(cluster, "vps", 120)


AS_UBUNTU = '{"spec": {"connection": {"user": "ubuntu"}}}'


def test_no_canary_is_found_in_any_sink(sinks):
    leaks = {name: found(read()) for name, read in sinks.items()}

    assert {name: forms for name, forms in leaks.items() if forms} == {}


def test_the_sinks_hold_what_they_should(sinks):
    """An empty sink would pass the search without having been searched."""
    assert "visit" in sinks["log"]() or "leads" in sinks["log"]()
    assert "kaitu_visits_total" in sinks["metrics"]()
    assert "K2_RADIUS_KEY" in sinks["objects"]()
    assert "sudo" in sinks["journal"]()
    assert "kaitu" in sinks["argv and environ"]()


PLANTS = (
    ("objects", "kubectl"),
    ("argv and environ", "argv"),
    ("argv and environ", "environ"),
    ("journal", "logger"),
)


@pytest.mark.parametrize(("sink", "how"), PLANTS, ids=[how for _, how in PLANTS])
@pytest.mark.parametrize("form", range(6))
def test_a_planted_leak_is_found(sinks, cluster, node, sink, how, form):
    leak = forms(ENV_VALUE)[form]
    plant = {
        "kubectl": lambda: cluster.kubectl(
            "annotate", "--overwrite", "kaitunode", "vps", f"lab/leak={leak}"
        ),
        "argv": lambda: node.run(f"sh -c 'sleep 1; sleep 1' {leak}"),
        "environ": lambda: node.run(f"LEAK={leak} sleep 2"),
        "logger": lambda: node.run(f"logger {leak}"),
    }
    plant[how]()

    assert until(lambda: leak in found(sinks[sink]()), 20, f"planted leak in {sink}")
