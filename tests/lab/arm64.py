"""`make arm64`: every locked package has a wheel for aarch64, and the arm64 image does the work.

The image is the Dockerfile's, on Debian's arm64 packages, under user-mode emulation; its operator
talks to the lab's API server and keeps a real node. Prints the figures of docs/evidence/arm64.md.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import emulation, fleet, operator_container
from lab.cluster import Cluster, install_crds
from lab.command import run
from lab.operator import ROOT, Operator
from lab.operator_image import operator_image
from lab.run import Lab
from lab.stage import say, timed
from lab.steps import LabError
from lab.wait import until

PYTHON = "3.13"  # of both bases: the public one and Debian's
PLATFORMS = tuple(
    word
    for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
    for word in ("--platform", f"{tag}_aarch64")
)
SYSCTL = {"settings": [{"name": "net.ipv4.tcp_congestion_control", "value": "bbr"}]}
ENV = {"vars": [{"name": "K2_LOG_LEVEL", "value": "info"}]}
CRON = {"entries": [{"name": "hello", "schedule": "17 3 * * *", "command": "/bin/true"}]}
SPEC = {"sysctl": SYSCTL, "env": ENV, "cron": CRON, "compose": {"version": "1.0.0"}}
DRIFT = "sysctl -qw net.ipv4.tcp_congestion_control=reno"
CC = "/proc/sys/net/ipv4/tcp_congestion_control"


def wheels(lock: Path) -> list[str]:
    """Names of the wheels that pip takes for aarch64, hashes checked; it fails where one lacks."""
    with tempfile.TemporaryDirectory() as folder:
        run(
            sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes",
            "--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON,
            *PLATFORMS, "-r", str(lock), "-d", folder, timeout=1800,
        )  # fmt: skip
        return sorted(file.name for file in Path(folder).iterdir())


def main() -> int:
    """0 when all of it worked."""
    try:
        with timed("all wheels"):
            _wheels()
        with Lab.open() as lab, emulation.arm64():
            _play(lab)
    except LabError as error:
        say(f"FAILED: {error}")
        print(*getattr(error, "__notes__", ()), sep="\n")
        return 1
    return 0


def _wheels() -> None:
    found = wheels(ROOT / "requirements/runtime.txt")
    native = [name for name in found if "aarch64" in name]
    say(f"{len(found)} packages, each with a wheel for aarch64: {len(native)} of them compiled")
    print("   " + "\n   ".join(native))


def _play(lab: Lab) -> None:
    docker = lab.docker
    with timed("the arm64 image, from Debian's packages or from the cache"):
        image = operator_image(docker, "arm64")
    found = json.loads(docker.run("image", "inspect", image))[0]
    say(f"{image}: {found['Os']}/{found['Architecture']}, {found['Size'] / 1e6:.0f} MB")
    python = ("--entrypoint=/opt/kaitu/bin/python3", image, "-c")
    ask = "import os, platform; print(os.uname().machine, 'Python', platform.python_version())"
    itself = docker.run("run", "--rm", *python, ask).strip()
    print("   it says of itself:", itself)
    if found["Architecture"] != "arm64" or not itself.startswith("aarch64 "):
        raise LabError(f"{image} is not of arm64")
    install_crds(lab.control_plane)
    cluster = Cluster.fresh(lab.control_plane, "arm64")
    with _operator(lab, image, cluster) as operator:
        _reconcile(lab, cluster, operator)


@contextmanager
def _operator(lab: Lab, image: str, cluster: Cluster) -> Iterator[Operator]:
    log, where = lab.state / "arm64.log", ("--namespace", cluster.namespace)
    with timed("its operator is alive, root read-only, no rights, no shell"):
        started = operator_container.start(
            lab.docker, lab.control_plane, image, log, *where, patience=600
        )
    try:
        yield started
    except LabError as error:
        error.add_note(started.log[-3000:])
        raise
    finally:
        print("   after SIGTERM it ended with", started.stop(60))


def _reconcile(lab: Lab, cluster: Cluster, operator: Operator) -> None:
    with timed("it leads"):
        until(operator.leads, 120, "leading operator")
    lab.registry.push("v1")
    node = lab.node("arm64")
    fleet.provision(node)
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.release("1.0.0"),
        fleet.kaitu_node("vps", node, **SPEC),
    )
    with timed("a new node is Ready: sysctl, cron, env, four services"):
        fleet.wait_ready(cluster, "vps", 600)
    node.run(DRIFT)
    with timed("drift is mended"):
        until(lambda: node.read(CC).strip() == "bbr", 300, "mended drift")
    fleet.wait_ready(cluster, "vps", 300)
    print(cluster.kubectl("get", "kaitunodes"))


if __name__ == "__main__":
    sys.exit(main())
