"""Trust on first use, with a node that is really reinstalled, through the operator process."""

import re
import shlex
from collections.abc import Callable
from typing import Any

from kaitu.api.connection import fingerprint
from lab import fleet
from lab.cluster import Cluster
from lab.faults import fault
from lab.fleet import Seen
from lab.node import Node
from lab.operator import Operator, Start
from lab.wait import until

CC = "net.ipv4.tcp_congestion_control"
SYSCTL = {"settings": [{"name": CC, "value": "bbr"}]}
KNOWN = "kaitu-known-hosts"
WRONG = "SHA256:" + "A" * 43


def resource(node: Node) -> dict[str, Any]:
    """The node without a key in the spec."""
    made = fleet.kaitu_node("vps", node, sysctl=SYSCTL)
    del made["spec"]["connection"]["hostKeys"]
    made["spec"]["connection"]["hostKeyPolicy"] = "TrustOnFirstUse"
    return made


def apply(cluster: Cluster, node: Node) -> None:
    node.run(f"sysctl -qw {CC}=reno")
    cluster.apply(fleet.key_secret(node.keys.private), resource(node))


def known(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("configmap", KNOWN)
    return found


def sees(cluster: Cluster, check: Callable[[Seen], bool], what: str) -> Seen:
    return fleet.wait(cluster, "vps", check, 90, what)


def annotate(cluster: Cluster, name: str, value: str) -> None:
    text = f"fleet.kaitu.io/{name}={value}"
    cluster.kubectl("annotate", "--overwrite", "kaitunode", "vps", text)


def stopped(cluster: Cluster, node: Node) -> str:
    """What is said when the node answers with another key: that of now."""
    shown = fingerprint(node.host_key)
    seen = sees(
        cluster,
        lambda s: (
            s.says("Reachable", "False", "HostKeyChanged")
            and shown in s.condition("Reachable")["message"]
        ),
        "a changed host key",
    )
    return str(seen.condition("Reachable")["message"])


def refusals(operator: Operator) -> int:
    """How many visits have ended at a changed host key."""
    count = re.search(
        r'^kaitu_visits_total\{reason="HostKeyChanged"\} (\d+)', operator.get("/metrics"), re.M
    )
    return int(count[1]) if count else 0


def logins(node: Node) -> str:
    """What sshd says of those who began a login, since the node was installed."""
    log = "journalctl --no-pager -t sshd -t sshd-session"
    return node.run(f"{log} | grep -E 'Accepted|Failed|user root|user ubuntu' || true")


def test_a_node_is_learned_reinstalled_and_accepted(
    namespace: Cluster, node: Node, start: Start
) -> None:
    apply(namespace, node)
    first = start()
    seen = fleet.wait_ready(namespace, "vps")
    old = node.host_key
    assert known(namespace)["data"] == {"vps": old}
    assert seen.status["connection"]["hostKeyFingerprint"] == fingerprint(old)

    first.stop()  # what was learned is not in the process
    version = known(namespace)["metadata"]["resourceVersion"]
    node.run(f"sysctl -qw {CC}=reno")
    second = start()
    until(lambda: node.run(f"sysctl -n {CC}").strip() == "bbr", 60, "visit of the next process")
    assert known(namespace)["metadata"]["resourceVersion"] == version

    node.reinstall()
    tests = logins(node)  # the lab's own, while it waited for the node
    assert "Accepted publickey for root" in tests
    node.run(f"sysctl -qw {CC}=reno")
    said = stopped(namespace, node)
    before = refusals(second)
    annotate(namespace, "accept-host-key", WRONG)
    until(lambda: refusals(second) > before, 60, "visit after the annotation")
    assert known(namespace)["data"] == {"vps": old}
    assert logins(node) == tests

    command = said[said.index("kubectl ") :]  # as it is printed
    assert command.split()[1:3] == ["-n", namespace.namespace]
    namespace.kubectl(*shlex.split(command)[3:])
    new = fingerprint(node.host_key)
    seen = sees(
        namespace,
        lambda s: s.ready and s.status["handled"].get("acceptHostKey") == new,
        "a node in order again",
    )
    assert known(namespace)["data"] == {"vps": node.host_key}
    assert node.run(f"sysctl -n {CC}").strip() == "bbr"
    assert seen.status["connection"]["hostKeyFingerprint"] == new

    with fault(node, "hostkey"):  # what was accepted once says nothing of the next
        annotate(namespace, "requestedAt", "2")
        stopped(namespace, node)
        namespace.kubectl("delete", "kaitunode", "vps")
        namespace.apply(resource(node))  # nor is the name forgotten with the resource
        stopped(namespace, node)
    annotate(namespace, "requestedAt", "3")
    fleet.wait_ready(namespace, "vps")

    namespace.kubectl("delete", "configmap", KNOWN)  # what was lost is not learned of another
    with fault(node, "hostkey"):
        annotate(namespace, "requestedAt", "4")
        stopped(namespace, node)
    annotate(namespace, "requestedAt", "5")
    fleet.wait_ready(namespace, "vps")
    assert known(namespace)["data"] == {"vps": node.host_key}


def test_nobody_logs_in_while_the_key_cannot_be_stored(
    namespace: Cluster, node: Node, start: Start
) -> None:
    metadata = {"name": KNOWN}
    namespace.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True}
    )
    node.run("rm -rf /var/lib/kaitu-operator")
    apply(namespace, node)
    before = logins(node)

    start()
    seen = sees(namespace, lambda s: s.says("Reachable", "Unknown", "KnownHostsFailed"), "a stop")
    assert f"ConfigMap {KNOWN}: not written" in seen.condition("Reachable")["message"]
    assert logins(node) == before

    namespace.kubectl("delete", "configmap", KNOWN)
    fleet.wait_ready(namespace, "vps")
    assert known(namespace)["data"] == {"vps": node.host_key}
