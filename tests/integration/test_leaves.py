"""One row for each leaf of the CRD: an edit of it on a live KaituNode, and what comes of it.

A leaf without a row is red: no field does nothing.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from lab import fleet
from lab.cluster import CRDS, Cluster
from lab.fleet import Seen
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.run import Lab
from lab.stack import FOLDER, stack
from lab.wait import until

CC = "net.ipv4.tcp_congestion_control"
LACKING = "net.core.default_qdisc"
SYSCTL = {"settings": [{"name": CC, "value": "bbr"}]}
ENTRY = {"name": "leaf", "schedule": "17 3 * * *", "command": "/bin/true"}
COMPOSE = {"version": "1.0.0"}
ENV = {"vars": [{"name": "K2_LOG_LEVEL", "value": "info"}]}
BASE: dict[str, Any] = {
    "interval": "2s",
    "sysctl": SYSCTL,
    "cron": {"entries": [ENTRY]},
    "env": ENV,
    "compose": COMPOSE,
    "health": {},
}


@dataclass(frozen=True)
class Stage:
    """One live node and its resource."""

    cluster: Cluster
    node: Node
    registry: Registry

    def edit(self, **spec: Any) -> None:
        fleet.patch(self.cluster, "vps", **spec)

    def sees(self, check: Callable[[Seen], bool], what: str, timeout: float = 90) -> Seen:
        return fleet.wait(self.cluster, "vps", lambda s: s.current and check(s), timeout, what)

    def says(self, kind: str, reason: str, timeout: float = 90) -> Seen:
        return self.sees(lambda s: s.condition(kind).get("reason") == reason, reason, timeout)

    def shows(self, script: str, wanted: str, timeout: float = 90) -> None:
        until(
            lambda: self.node.run(script, check=False).strip() == wanted,
            timeout,
            f"{wanted!r} from {script!r}",
        )

    def connection(self, **changes: Any) -> dict[str, Any]:
        found: dict[str, Any] = fleet.kaitu_node("x", self.node)["spec"]["connection"]
        return {**found, **changes}

    def ready(self, timeout: float = 180) -> Seen:
        return fleet.wait_ready(self.cluster, "vps", timeout)


Act = Callable[[Stage], object]


@pytest.fixture(scope="module")
def operator(lab: Lab, cluster: Cluster) -> Iterator[Operator]:
    log = lab.state / f"operator-{cluster.namespace}.log"
    running = Operator.start(lab.control_plane, log, "--namespace", cluster.namespace)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def standing(cluster: Cluster, node: Node, operator: Operator, pushed: Registry) -> Stage:
    fleet.provision(node)
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.env_secret("leaf", level="error", other="warn"),
        fleet.env_secret("second", level="debug"),
        fleet.release("1.0.0"),
        fleet.release("1.1.0", stack("v2")),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "files"},
            "data": {"a.yml": stack("v2"), "b.yml": stack("v1") + "# b\n"},
        },
        fleet.kaitu_node("vps", node, **BASE),
    )
    stage = Stage(cluster, node, pushed)
    stage.ready()
    return stage


@pytest.fixture
def stage(standing: Stage) -> Iterator[Stage]:
    """The stage for one row; afterwards the spec is as it was, and the node in order again."""
    yield standing
    wanted = fleet.kaitu_node("vps", standing.node, **BASE)["spec"]
    body = json.dumps([{"op": "replace", "path": "/spec", "value": wanted}])
    standing.cluster.kubectl("patch", "kaitunode", "vps", "--type=json", "-p", body)
    standing.ready(240)


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths of all fields that hold a value; [] stands for the items of a list."""
    if "properties" in schema:
        for name, inner in schema["properties"].items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif "items" in schema:
        yield from leaves(schema["items"], f"{path}[]")
    else:
        yield path


def crd_leaves() -> set[str]:
    crd = yaml.safe_load((CRDS / "kaitunodes.yaml").read_text())
    version = crd["spec"]["versions"][0]
    return set(leaves(version["schema"]["openAPIV3Schema"]["properties"]["spec"]))


def drift(stage: Stage) -> None:
    stage.node.run(f"sysctl -qw {CC}=reno")


def bbr(stage: Stage, wanted: str = "bbr") -> None:
    stage.shows(f"sysctl -n {CC}", wanted)


# ------------------------------------------------------------------------------ the node itself


def suspend(s: Stage) -> None:
    s.edit(suspend=True)
    s.says("Ready", "Suspended")


def mode(s: Stage) -> None:
    s.edit(mode="Observe")
    drift(s)
    s.says("InSync", "DriftObserved")
    bbr(s, "reno")


def adopt(s: Stage) -> None:
    s.node.run("mv /var/lib/kaitu-operator/owner /var/lib/owner-was")
    drift(s)
    s.says("InSync", "AdoptionRequired")
    s.edit(adopt=True)
    bbr(s)
    s.ready()


def interval(s: Stage) -> None:
    s.edit(interval="1h")
    s.ready()
    drift(s)
    s.edit(interval="1s")
    bbr(s)


def timeout(s: Stage) -> None:
    s.edit(timeout="5s", connection=s.connection())
    s.node.docker.run("pause", s.node.container)
    try:
        fleet.wait(
            s.cluster, "vps", lambda n: n.condition("Reachable").get("status") != "True", 40,
            "a visit that ends at its deadline",
        )  # fmt: skip
    finally:
        s.node.docker.run("unpause", s.node.container)


def retry_interval(s: Stage) -> None:
    s.edit(retryInterval="100ms", cron={"entries": [{**ENTRY, "user": "root"}]})
    s.ready()


def deletion_policy(s: Stage) -> None:
    s.edit(deletionPolicy="Release")
    until(lambda: s.cluster.get("kaitunode", "vps")["metadata"].get("finalizers"), 30, "finalizer")
    s.edit(deletionPolicy="Retain")
    until(lambda: not s.cluster.get("kaitunode", "vps")["metadata"].get("finalizers"), 30, "none")


def host(s: Stage) -> None:
    s.edit(connection=s.connection(host="127.0.0.1"))
    s.says("Reachable", "HostDenied")


def port(s: Stage) -> None:
    s.edit(connection=s.connection(port=1023))
    s.says("Reachable", "DialRefused")


def user(s: Stage) -> None:
    s.edit(connection=s.connection(user="nobody"))
    s.says("Reachable", "AuthFailed")


def key_secret(s: Stage) -> None:
    s.edit(connection=s.connection(privateKeySecretRef={"name": "leaf"}))
    s.says("Reachable", "KeyInvalid")


def host_keys(s: Stage) -> None:
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHmZ4zXBvV5v3o0m5c0Q0Vb1i1kqO2rX3d1s3Q1y8bqN"
    s.edit(connection=s.connection(hostKeys=[other]))
    s.says("Reachable", "HostKeyChanged")


# -------------------------------------------------------------------------------------- compose


def compose_mode(s: Stage) -> None:
    s.edit(compose={"mode": "Observe", "version": "1.1.0"})
    s.sees(lambda n: n.aspect("compose").get("state") == "Observed", "observed compose")
    s.shows("docker inspect -f '{{.Config.Image}}' k2v5", "registry.lab:5000/k2v5:v1")


def version(s: Stage) -> None:
    s.edit(compose={"version": "1.1.0"})
    s.sees(lambda n: n.ready and n.status["compose"]["version"] == "1.1.0", "1.1.0", 180)
    s.shows("docker inspect -f '{{.Config.Image}}' k2v5", "registry.lab:5000/k2v5:v2")


def directory(s: Stage) -> None:
    s.edit(compose={**COMPOSE, "directory": "/etc/ssh"})
    s.says("InSync", "PolicyDenied")


def minimum_plugin(s: Stage) -> None:
    s.edit(compose={**COMPOSE, "minimumPlugin": "99.0"})
    s.says("InSync", "ComposeUnsupported")


def file_name(s: Stage) -> None:
    s.edit(compose={**COMPOSE, "file": {"configMapRef": {"name": "none", "key": "a.yml"}}})
    s.says("InSync", "ReferenceNotFound")


def file_key(s: Stage) -> None:
    s.edit(compose={**COMPOSE, "file": {"configMapRef": {"name": "files", "key": "b.yml"}}})
    s.shows(f"tail -n 1 {FOLDER}/docker-compose.yml", "# b", 120)
    s.ready()


def inline(s: Stage) -> None:
    s.edit(compose={**COMPOSE, "file": {"inline": stack("v1") + "# inline\n"}})
    s.shows(f"tail -n 1 {FOLDER}/docker-compose.yml", "# inline", 120)
    s.ready()


def attempts(s: Stage) -> None:
    s.registry.misbehave(mode="status", code=500)
    try:
        s.edit(compose={"version": "1.1.0", "update": {"attempts": 1}})
        s.says("InSync", "PullFailed", 120)
    finally:
        s.registry.behave()


def jitter(s: Stage) -> None:
    s.edit(compose={"version": "1.1.0", "update": {"jitter": "1s"}})
    s.sees(lambda n: n.ready and n.status["compose"]["version"] == "1.1.0", "1.1.0", 180)


def gate_services(s: Stage) -> None:
    update = {"gate": {"services": ["k2-nothing"]}}
    s.edit(compose={"version": "1.1.0", "update": update})
    seen = s.sees(lambda n: n.condition("InSync").get("status") == "False", "refused gate", 120)
    assert "k2-nothing" in seen.condition("InSync")["message"]


def gate_timeout(s: Stage) -> None:
    s.cluster.apply(fleet.release("1.2.0", stack("v3-sick")))
    s.edit(compose={"version": "1.2.0", "update": {"gate": {"timeout": "2s"}}})
    s.says("InSync", "GateFailed", 120)


# ------------------------------------------------------------------------------------------ env


def env_mode(s: Stage) -> None:
    s.edit(env={"mode": "Observe", "vars": [{"name": "K2_LOG_LEVEL", "value": "warn"}]})
    s.sees(lambda n: n.condition("InSync").get("status") == "False", "a waiting deployment")
    s.shows(f"grep -c LEVEL=info {FOLDER}/.env", "1")


def env_name(s: Stage) -> None:
    s.edit(env={"vars": [{"name": "K2_LEAF", "value": "leaf"}]})
    s.shows(f"grep K2_LEAF {FOLDER}/.env", "K2_LEAF=leaf")
    s.ready()


def env_value(s: Stage) -> None:
    s.edit(env={"vars": [{"name": "K2_LOG_LEVEL", "value": "warn"}]})
    s.shows(f"grep K2_LOG_LEVEL {FOLDER}/.env", "K2_LOG_LEVEL=warn")
    s.ready()


def _from_secret(name: str, key: str) -> dict[str, Any]:
    source = {"secretKeyRef": {"name": name, "key": key}}
    return {"vars": [{"name": "K2_LOG_LEVEL", "valueFrom": source}]}


def secret_name(s: Stage) -> None:
    s.edit(env=_from_secret("second", "level"))
    s.shows(f"grep K2_LOG_LEVEL {FOLDER}/.env", "K2_LOG_LEVEL=debug")
    s.ready()


def secret_key(s: Stage) -> None:
    s.edit(env=_from_secret("leaf", "other"))
    s.shows(f"grep K2_LOG_LEVEL {FOLDER}/.env", "K2_LOG_LEVEL=warn")
    s.ready()


# ----------------------------------------------------------------------------------------- cron


def _cron(s: Stage, **changes: Any) -> None:
    s.edit(cron={"entries": [{**ENTRY, **changes}]})


def cron_mode(s: Stage) -> None:
    s.edit(cron={"mode": "Observe", "entries": []})
    s.says("InSync", "DriftObserved")
    s.shows("ls /etc/cron.d/kaitu-leaf", "/etc/cron.d/kaitu-leaf")


def cron_name(s: Stage) -> None:
    _cron(s, name="other")
    s.shows("ls /etc/cron.d/kaitu-*", "/etc/cron.d/kaitu-other")


def schedule(s: Stage) -> None:
    _cron(s, schedule="@hourly")
    s.shows("tail -n 1 /etc/cron.d/kaitu-leaf", "@hourly root /bin/true")


def cron_user(s: Stage) -> None:
    _cron(s, user="ubuntu")
    s.says("InSync", "PolicyDenied")


def command(s: Stage) -> None:
    _cron(s, command="/bin/false")
    s.shows("tail -n 1 /etc/cron.d/kaitu-leaf", "17 3 * * * root /bin/false")


# --------------------------------------------------------------------------------------- sysctl


def _sysctl(s: Stage, **setting: Any) -> None:
    s.edit(sysctl={"settings": [{"name": CC, "value": "bbr", **setting}]})


def sysctl_mode(s: Stage) -> None:
    s.edit(sysctl={"mode": "Observe", **SYSCTL})
    drift(s)
    s.says("InSync", "DriftObserved")


def sysctl_name(s: Stage) -> None:
    _sysctl(s, name="net.ipv4.tcp_fin_timeout", value="45")
    s.shows("sysctl -n net.ipv4.tcp_fin_timeout", "45")


def sysctl_value(s: Stage) -> None:
    _sysctl(s, value="reno")
    bbr(s, "reno")


def optional(s: Stage) -> None:
    _sysctl(s, name=LACKING, value="fq", optional=False)
    s.says("InSync", "KeyUnknown")
    _sysctl(s, name=LACKING, value="fq", optional=True)
    s.ready()


# --------------------------------------------------------------------------------------- health


def warn_percent(s: Stage) -> None:
    s.edit(health={"disk": {"warnPercent": 1}})
    s.sees(lambda n: bool(n.status.get("findings")), "a finding about the disk")


def fail_percent(s: Stage) -> None:
    s.edit(health={"disk": {"warnPercent": 1, "failPercent": 1}})
    s.says("Healthy", "DiskFull")


def services(s: Stage) -> None:
    s.edit(health={"services": ["k2-nothing"]})
    seen = s.says("Healthy", "ServiceNotRunning")
    assert "k2-nothing" in seen.condition("Healthy")["message"]


def tcp(s: Stage) -> None:
    s.edit(health={"tcp": [{"port": 4444}]})
    s.says("Healthy", "PortClosed")


ROWS: dict[str, Act] = {
    "suspend": suspend,
    "mode": mode,
    "adopt": adopt,
    "interval": interval,
    "timeout": timeout,
    "retryInterval": retry_interval,
    "deletionPolicy": deletion_policy,
    "connection.host": host,
    "connection.port": port,
    "connection.user": user,
    "connection.privateKeySecretRef.name": key_secret,
    "connection.hostKeys[]": host_keys,
    "compose.mode": compose_mode,
    "compose.version": version,
    "compose.directory": directory,
    "compose.minimumPlugin": minimum_plugin,
    "compose.file.configMapRef.name": file_name,
    "compose.file.configMapRef.key": file_key,
    "compose.file.inline": inline,
    "compose.update.attempts": attempts,
    "compose.update.jitter": jitter,
    "compose.update.gate.services[]": gate_services,
    "compose.update.gate.timeout": gate_timeout,
    "env.mode": env_mode,
    "env.vars[].name": env_name,
    "env.vars[].value": env_value,
    "env.vars[].valueFrom.secretKeyRef.name": secret_name,
    "env.vars[].valueFrom.secretKeyRef.key": secret_key,
    "cron.mode": cron_mode,
    "cron.entries[].name": cron_name,
    "cron.entries[].schedule": schedule,
    "cron.entries[].user": cron_user,
    "cron.entries[].command": command,
    "sysctl.mode": sysctl_mode,
    "sysctl.settings[].name": sysctl_name,
    "sysctl.settings[].value": sysctl_value,
    "sysctl.settings[].optional": optional,
    "health.disk.warnPercent": warn_percent,
    "health.disk.failPercent": fail_percent,
    "health.services[]": services,
    "health.tcp[].port": tcp,
}


def test_every_leaf_of_the_crd_has_a_row():
    assert crd_leaves() == set(ROWS)


@pytest.mark.parametrize("leaf", ROWS)
def test_an_edit_of_a_leaf_has_its_effect(stage, leaf):
    ROWS[leaf](stage)
