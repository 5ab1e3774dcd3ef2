"""The main job, live: an API server, a registry, real nodes and the operator's own process.

A node follows its KaituNode; things are broken by hand and mended; a release rolls in; a sick
release stops at its gate; three nodes follow one edit, one at a time. KEEP=1 leaves everything
running and says how to play with it.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from lab import fleet
from lab.cluster import Cluster, install_crds
from lab.demo_brake import brake
from lab.hand_over import hand_over
from lab.node import Node
from lab.operator import ROOT, Operator
from lab.run import Lab
from lab.stack import FOLDER, stack
from lab.stage import Stage, say, timed
from lab.steps import LabError
from lab.wait import TooLate, until

SAMPLES = ROOT / "manifests" / "samples"
NAME = "vps-1"
SERVICES = ("k2-sidecar", "k2v5", "k2v4-slave", "k2-oc")


def main() -> int:
    """0 when every act ended as it should."""
    try:
        with Lab.open() as lab:
            play(lab)
    except KeyboardInterrupt:
        say("interrupted; everything that was started has been removed")
        return 130
    except LabError as error:
        say(f"FAILED: {error}")
        for note in getattr(error, "__notes__", ()):
            print(note)
        return 1
    return 0


def play(lab: Lab) -> None:
    stage = set_up(lab)
    first_sight(stage)
    for break_it in BREAKS:
        mend(stage, break_it)
    roll(stage)
    sick(stage)
    brake(stage)
    table(stage)
    if os.environ.get("KEEP"):
        keep(stage)


def set_up(lab: Lab) -> Stage:
    say("A control plane, a registry, a node: the first time this is built and takes a while")
    install_crds(lab.control_plane)
    cluster = Cluster.fresh(lab.control_plane, "demo")
    lab.registry.push("v2", "v3-sick", "v1")
    node = lab.node(NAME)
    fleet.provision(node)
    log = lab.state / "operator.log"
    operator = Operator.start(
        lab.control_plane, log, "--namespace", cluster.namespace, level="INFO"
    )
    lab.closing(operator.stop)
    print(f"   the operator is process {operator.pid}, with the rights of its own role")
    return Stage(lab, cluster, node, lab.registry, operator)


def sample(node: Node) -> list[dict[str, Any]]:
    """manifests/samples/full.yaml with this node's address, keys and registry."""
    objects = list(yaml.safe_load_all((SAMPLES / "full.yaml").read_text()))
    found = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    resource = next(each for each in objects if each["kind"] == "KaituNode")
    resource["metadata"]["name"] = NAME
    resource["spec"]["interval"] = "5s"
    to = resource["spec"]["connection"]
    to |= {"host": node.address, "port": node.port, "user": "ubuntu", "hostKeys": [node.host_key]}
    resource["spec"]["env"]["vars"] += [{"name": "K2_REGISTRY", "value": "registry.lab:5000"}]
    key = found["Secret", to["privateKeySecretRef"]["name"]]
    key["stringData"] = {"ssh-privatekey": node.keys.private}
    return objects


def first_sight(stage: Stage) -> None:
    say("manifests/samples/full.yaml is applied; the node follows")
    with timed("applied to Ready"):
        stage.cluster.apply(*sample(stage.node))
        progress(stage)
        fleet.wait_ready(stage.cluster, NAME, 180)
    print(stage.cluster.kubectl("get", "kaitunodes", "-o", "wide"))


def progress(stage: Stage) -> None:
    """Every new word of Ready until it is True."""
    shown = ""

    def ready() -> bool:
        nonlocal shown
        seen = fleet.look(stage.cluster, NAME)
        found = seen.condition("Ready")
        text = f"{found.get('status')} {found.get('reason')} {found.get('message')}"
        if found and text != shown:
            print(f"   Ready {text}", flush=True)
            shown = text
        return seen.ready

    until(ready, 180, f"Ready of {NAME}")


@dataclass(frozen=True)
class Break:
    """Something that a person does at night, and how to see that it is mended."""

    what: str
    deed: str
    mended: Callable[[Node], bool]


def _output(script: str, wanted: str) -> Callable[[Node], bool]:
    return lambda node: node.run(script, check=False).strip() == wanted


BREAKS = (
    Break(
        "a sysctl: congestion control set to reno",
        "sysctl -qw net.ipv4.tcp_congestion_control=reno",
        _output("cat /proc/sys/net/ipv4/tcp_congestion_control", "bbr"),
    ),
    Break(
        "a cron file: its command replaced",
        "sed -i s,/usr/sbin/logrotate,/bin/false, /etc/cron.d/kaitu-log-trim",
        _output("grep -c /usr/sbin/logrotate /etc/cron.d/kaitu-log-trim", "1"),
    ),
    Break(
        "an .env key: K2_LOG_LEVEL set to debug",
        f"sed -i 's/^K2_LOG_LEVEL=.*/K2_LOG_LEVEL=debug/' {FOLDER}/.env",
        _output(f"grep -c ^K2_LOG_LEVEL=info {FOLDER}/.env", "1"),
    ),
    Break(
        "a container: k2-oc stopped",
        "docker stop -t 1 k2-oc",
        _output("docker inspect -f '{{.State.Running}}' k2-oc", "true"),
    ),
)


def mend(stage: Stage, one: Break) -> None:
    say(f"Somebody breaks {one.what}")
    stage.node.run(one.deed)
    with timed("broken to mended"):
        until(lambda: one.mended(stage.node), 120, f"mended node after: {one.what}")
    fleet.wait_ready(stage.cluster, NAME)


def started(node: Node) -> dict[str, str]:
    """When each service's container started."""
    line = "docker inspect -f '{{.Name}} {{.State.StartedAt}} {{.State.Running}}' "
    words = node.run(line + " ".join(SERVICES)).split()
    return {name: f"{at} {up}" for name, at, up in zip(*[iter(words)] * 3, strict=True)}


def release(stage: Stage, version: str, tag: str) -> None:
    text = stack(tag)
    stage.cluster.apply(fleet.release(version, text))
    fleet.patch(stage.cluster, NAME, compose={"version": version, "file": None})


def roll(stage: Stage) -> None:
    say("A new release, 5.5.0, rolls in")
    with timed("edit to Ready"):
        release(stage, "5.5.0", "v2")
        progress(stage)
        fleet.wait(
            stage.cluster,
            NAME,
            lambda seen: seen.ready and seen.status["compose"]["version"] == "5.5.0",
            180,
            "release 5.5.0",
        )


def sick(stage: Stage) -> None:
    say("Release 5.6.0 has a sidecar that never gets healthy: it stops at the gate and is undone")
    before = started(stage.node)
    with timed("edit to GateFailed, and 5.5.0 runs again"):
        release(stage, "5.6.0", "v3-sick")
        held = fleet.wait(
            stage.cluster,
            NAME,
            _undone,
            240,
            "GateFailed, and health",
        )
    after = started(stage.node)
    moved = [name for name in SERVICES[1:] if before["/" + name] != after["/" + name]]
    if moved:
        raise LabError(f"services behind the gate were touched: {', '.join(moved)}")
    print(f"   {held.condition('InSync')['message']}")
    print(f"   untouched and running: {', '.join(SERVICES[1:])}")
    say("The release is corrected")
    with timed("edit to Ready"):
        release(stage, "5.6.1", "v2")
        fleet.wait_ready(stage.cluster, NAME, 240)


def _undone(seen: fleet.Seen) -> bool:
    """The sick release is named and held; what ran before it is whole again."""
    known = seen.says("InSync", "False", "GateFailed") and seen.says("Healthy", "True", "Healthy")
    return known and seen.status["compose"].get("version") == "5.5.0"


def table(stage: Stage) -> None:
    say("What kubectl shows")
    print(stage.cluster.kubectl("get", "kaitunodes", "-o", "wide"))
    status = stage.cluster.get("kaitunode", NAME)["status"]
    print(yaml.safe_dump({"status": status}, sort_keys=False))
    print("Where to look next: README.md, docs/reference.md, `KEEP=1 make demo` to play with it")


def keep(stage: Stage) -> None:
    settings = hand_over(stage.cluster, stage.node)
    say("Kept running; Ctrl-C ends it. In another terminal (docs/tutorials/first-ten-minutes.md):")
    print(f"   . {settings}")
    print("   kubectl get kaitunodes -w")
    print(f"   kubectl edit kaitunode {NAME}")
    print(f"   vps {NAME}                   # a shell on the node")
    print(f"   the operator's log: {stage.operator.child.log}; metrics: {stage.operator.http}")
    until(lambda: stage.operator.child.process.poll() is not None, 1e9, "end of the operator")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TooLate as error:
        sys.exit(f"FAILED: {error}")
