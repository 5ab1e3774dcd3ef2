"""Each fault has its own reason; once it is lifted, the node converges by itself."""

from collections.abc import Iterator

import pytest

from lab import fleet
from lab.cluster import Cluster
from lab.faults import fault
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.run import Lab
from lab.stack import stack
from lab.wait import until

NODE = {"apps_tmpfs": "20m"}
CC = "net.ipv4.tcp_congestion_control"
SPEC = {
    "timeout": "10s",
    "sysctl": {"settings": [{"name": CC, "value": "bbr"}]},
    "env": {"vars": [{"name": "K2_LOG_LEVEL", "value": "info"}]},
    "compose": {"version": "1.0.0", "update": {"attempts": 2, "gate": {"timeout": "20s"}}},
}


@pytest.fixture(scope="module")
def operator(lab: Lab, cluster: Cluster) -> Iterator[Operator]:
    log = lab.state / f"operator-{cluster.namespace}.log"
    running = Operator.start(lab.control_plane, log, "--namespace", cluster.namespace)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def standing(cluster: Cluster, node: Node, operator: Operator, pushed: Registry) -> str:
    fleet.provision(node)
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.release("1.0.0"),
        fleet.kaitu_node("vps", node, **SPEC),
    )
    fleet.wait_ready(cluster, "vps", 180)
    return "vps"


@pytest.fixture
def vps(standing: str, cluster: Cluster, node: Node) -> Iterator[str]:
    """The node in order before a test; the spec as it was, and in order again, after it."""
    yield standing
    cluster.apply(fleet.release("1.0.0"), fleet.kaitu_node(standing, node, **SPEC))
    ask(cluster, standing)
    fleet.wait_ready(cluster, standing, 180)


def ask(cluster: Cluster, name: str) -> None:
    """Visit now: a fault that was lifted need not wait for its back-off to end."""
    token = cluster.kubectl("get", "kaitunode", name, "-o", "jsonpath={.metadata.resourceVersion}")
    cluster.kubectl(
        "annotate", "--overwrite", "kaitunode", name, f"fleet.kaitu.io/requestedAt={token}"
    )


UNSEEN = [
    ("drop", "Reachable", "DialTimeout"),
    ("reject", "Reachable", "DialRefused"),
    ("sshd", "Reachable", "DialRefused"),
    ("freeze", "Reachable", "BannerTimeout"),
    ("hostkey", "Reachable", "HostKeyChanged"),
    ("auth", "Reachable", "AuthFailed"),
    ("dockerdown", "Healthy", "DockerDown"),
    ("dockerhang", "Healthy", "DockerHung"),
]


@pytest.mark.parametrize(("name", "kind", "reason"), UNSEEN)
def test_what_cannot_be_seen_is_named(vps, cluster, node, name, kind, reason):
    with fault(node, name):
        ask(cluster, vps)
        seen = fleet.wait(
            cluster, vps, lambda s: s.condition(kind).get("reason") == reason, 90, reason
        )
        assert seen.condition(kind)["status"] != "True"
        assert seen.condition("Ready")["status"] != "True"
    ask(cluster, vps)
    fleet.wait_ready(cluster, vps, 120)


def test_a_hung_docker_is_unknown_and_never_false(vps, cluster, node):
    with fault(node, "dockerhang"):
        seen = fleet.wait(
            cluster, vps, lambda s: s.says("Healthy", "Unknown", "DockerHung"), 90, "DockerHung"
        )
        assert seen.aspect("compose")["state"] == "Unknown"
        assert seen.aspect("sysctl")["state"] == "InSync"


def test_a_user_without_sudo_is_named(vps, cluster, node):
    to = fleet.kaitu_node("x", node)["spec"]["connection"] | {"user": "ubuntu"}
    with fault(node, "nosudo"):
        fleet.patch(cluster, vps, connection=to)
        fleet.wait(
            cluster,
            vps,
            lambda s: s.says("ProbeTrusted", "False", "NoPrivilege"),
            60,
            "NoPrivilege",
        )


def test_a_missing_key_secret_is_named(vps, cluster, node):
    to = fleet.kaitu_node("x", node)["spec"]["connection"]
    fleet.patch(cluster, vps, connection=to | {"privateKeySecretRef": {"name": "none"}})

    fleet.wait(
        cluster, vps, lambda s: s.says("Reachable", "False", "KeyNotFound"), 60, "KeyNotFound"
    )


def test_a_denied_address_is_named_and_not_dialled(vps, cluster, node):
    to = fleet.kaitu_node("x", node)["spec"]["connection"]
    fleet.patch(cluster, vps, connection=to | {"host": "127.0.0.1"})

    seen = fleet.wait(
        cluster, vps, lambda s: s.says("Reachable", "False", "HostDenied"), 60, "HostDenied"
    )
    assert "hosts.deny" in seen.condition("Reachable")["message"]


def test_a_name_that_does_not_exist_is_named(vps, cluster, node):
    to = fleet.kaitu_node("x", node)["spec"]["connection"]
    fleet.patch(cluster, vps, connection=to | {"host": "no-such-host.invalid"})

    fleet.wait(
        cluster,
        vps,
        lambda s: s.condition("Reachable").get("reason") in {"DNSNotFound", "DNSError"},
        60,
        "DNS reason",
    )


def breaks(cluster: Cluster, name: str, reason: str, timeout: float = 120) -> fleet.Seen:
    return fleet.wait(
        cluster, name, lambda s: s.current and s.says("InSync", "False", reason), timeout, reason
    )


def test_a_missing_reference_stops_its_section_only(vps, cluster, node):
    fleet.patch(cluster, vps, compose={"version": "9.9.9"})

    seen = breaks(cluster, vps, "ReferenceNotFound")

    assert "compose-9.9.9" in seen.condition("InSync")["message"]
    assert seen.condition("Healthy")["status"] == "True"
    assert seen.aspect("sysctl")["state"] == "InSync"


def test_a_secret_without_the_label_is_not_sent(vps, cluster, node):
    secret = fleet.env_secret("plain", level="debug")
    del secret["metadata"]["labels"]
    cluster.apply(secret)
    source = {"secretKeyRef": {"name": "plain", "key": "level"}}
    fleet.patch(cluster, vps, env={"vars": [{"name": "K2_LOG_LEVEL", "valueFrom": source}]})

    breaks(cluster, vps, "ReferenceInvalid")

    assert "debug" not in node.read("/apps/kaitu-slave/.env")


def test_what_the_policy_denies_is_named_with_its_rule(vps, cluster, node):
    settings = [{"name": "kernel.core_pattern", "value": "|/bin/true"}]
    fleet.patch(cluster, vps, sysctl={"settings": settings})

    seen = breaks(cluster, vps, "PolicyDenied")

    assert "sysctl.prefixes" in seen.condition("InSync")["message"]
    assert seen.condition("Healthy")["status"] == "True"


def next_release(cluster: Cluster, name: str, text: str, version: str = "2.0.0") -> None:
    cluster.apply(fleet.release(version, text))
    fleet.patch(cluster, name, compose={"version": version})


def started(node: Node) -> str:
    return node.run("docker inspect -f '{{.Name}} {{.State.StartedAt}}' k2v5 k2v4-slave k2-oc")


def test_an_invalid_compose_file_changes_nothing(vps, cluster, node):
    before = node.read("/apps/kaitu-slave/docker-compose.yml"), started(node)
    next_release(cluster, vps, stack("v1") + "\n  nonsense: [\n", "2.0.1")

    breaks(cluster, vps, "ComposeInvalid")

    assert (node.read("/apps/kaitu-slave/docker-compose.yml"), started(node)) == before


def test_an_image_that_does_not_exist_changes_nothing(vps, cluster, node):
    before = started(node)
    next_release(cluster, vps, stack("v99"), "2.0.2")

    breaks(cluster, vps, "ImageNotFound", 180)

    assert started(node) == before


def test_a_throttling_registry_is_named_and_overcome(vps, cluster, node, registry):
    registry.misbehave(mode="status", code=429)
    next_release(cluster, vps, stack("v2"), "2.0.3")

    breaks(cluster, vps, "PullRateLimited", 180)
    registry.behave()
    ask(cluster, vps)

    fleet.wait_ready(cluster, vps, 240)


def test_a_registry_that_is_down_changes_nothing(vps, cluster, node, registry):
    before = started(node)
    registry.stop()
    try:
        next_release(cluster, vps, stack("v3-none"), "2.0.4")
        breaks(cluster, vps, "PullFailed", 180)
    finally:
        registry.start_again()

    assert started(node) == before


@pytest.mark.parametrize("version", ["v3-sick", "v3-crash"])
def test_a_sick_release_stops_at_the_gate_and_is_not_tried_again(vps, cluster, node, version):
    before = started(node)
    next_release(cluster, vps, stack(version), f"3.0.{len(version)}")

    seen = breaks(cluster, vps, "GateFailed", 240)

    assert "k2-sidecar" in seen.condition("InSync")["message"]
    assert started(node) == before
    assert seen.status["revision"]["held"]
    sidecar = "docker inspect -f '{{.Id}}' k2-sidecar"
    held = node.run(sidecar)
    ask(cluster, vps)
    token = cluster.get("kaitunode", vps)["metadata"]["annotations"]["fleet.kaitu.io/requestedAt"]
    fleet.wait(cluster, vps, lambda s: s.status["handled"]["requestedAt"] == token, 60, "a visit")
    assert node.run(sidecar) == held


def test_a_full_disk_is_named(vps, cluster, node):
    with fault(node, "diskfull"):
        fleet.patch(cluster, vps, env={"vars": [{"name": "K2_LOG_LEVEL", "value": "warn"}]})
        fleet.wait(
            cluster,
            vps,
            lambda s: s.current and s.condition("InSync").get("reason") == "NoSpace",
            120,
            "NoSpace",
        )
        assert "K2_LOG_LEVEL=info" in node.read("/apps/kaitu-slave/.env")


def test_a_read_only_disk_is_named(vps, cluster, node):
    with fault(node, "readonly"):
        fleet.patch(cluster, vps, env={"vars": [{"name": "K2_LOG_LEVEL", "value": "warn"}]})
        fleet.wait(
            cluster,
            vps,
            lambda s: s.current and s.condition("InSync").get("reason") == "ReadOnlyFilesystem",
            120,
            "ReadOnlyFilesystem",
        )


def test_an_env_that_compose_cannot_parse_is_named_and_not_touched(vps, cluster, node):
    good = node.read("/apps/kaitu-slave/.env")
    bad = good + 'X="never closed\n'
    node.write("/apps/kaitu-slave/.env", bad, 0o600)
    try:
        breaks(cluster, vps, "EnvUnparsable")
        assert node.read("/apps/kaitu-slave/.env") == bad
    finally:
        node.write("/apps/kaitu-slave/.env", good, 0o600)


def test_a_missing_node_secret_waits_and_the_rest_proceeds(vps, cluster, node):
    good = node.read("/apps/kaitu-slave/.env")
    node.write("/apps/kaitu-slave/.env", good.replace(fleet.SECRET_LINE, ""), 0o600)
    try:
        seen = breaks(cluster, vps, "ProtectedMissing")
        assert seen.aspect("compose")["state"] == "Waiting"
        node.run(f"sysctl -qw {CC}=reno")
        until(lambda: node.run(f"sysctl -n {CC}").strip() == "bbr", 60, "mended sysctl")
    finally:
        node.write("/apps/kaitu-slave/.env", good, 0o600)


def test_a_reboot_is_survived(vps, cluster, node):
    node.reboot()
    fleet.provision(node)  # /apps is a tmpfs on this node, and empty after a reboot
    ask(cluster, vps)
    fleet.wait_ready(cluster, vps, 180)


def test_a_cron_daemon_that_is_down_is_said(vps, cluster, node):
    entry = {"name": "x", "schedule": "@daily", "command": "/bin/true"}
    fleet.patch(cluster, vps, cron={"entries": [entry]})
    fleet.wait_ready(cluster, vps)
    node.run("systemctl stop cron")
    try:
        breaks(cluster, vps, "CronDown")
    finally:
        node.run("systemctl start cron; rm -f /etc/cron.d/kaitu-x")


def test_a_sysctl_that_another_file_overrides_is_named(vps, cluster, node):
    node.write("/etc/sysctl.d/99-zz-other.conf", f"{CC} = reno\n")
    try:
        seen = breaks(cluster, vps, "KeyOverridden")
        assert "99-zz-other.conf" in seen.condition("InSync")["message"]
    finally:
        node.run("rm /etc/sysctl.d/99-zz-other.conf")


def test_a_key_that_the_kernel_lacks_is_named_unless_optional(vps, cluster, node):
    lacking = {"name": "net.core.default_qdisc", "value": "fq"}
    fleet.patch(cluster, vps, sysctl={"settings": [lacking]})
    breaks(cluster, vps, "KeyUnknown")

    fleet.patch(cluster, vps, sysctl={"settings": [lacking | {"optional": True}]})
    fleet.wait_ready(cluster, vps)
