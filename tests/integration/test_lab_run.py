"""The control plane is real, runs do not meet, and nothing of a run survives it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.command import Failed
from lab.controlplane import ControlPlane
from lab.docker import LABEL, RUNS, Docker
from lab.node import Node
from lab.run import Lab
from lab.wait import until


def test_api_server_keeps_its_data(plane: ControlPlane) -> None:
    plane.kubectl("create", "namespace", "kept")
    plane.stop_apiserver()
    with pytest.raises(Failed, match="refused"):
        plane.kubectl("get", "namespace", "kept")
    plane.start_apiserver()
    assert "kept" in plane.kubectl("get", "namespace", "kept", "-o", "name")


def test_users_may_do_what_rbac_gives_and_are_audited(plane: ControlPlane) -> None:
    mallory = str(plane.kubeconfig_for("mallory", groups=("guests",)))
    with pytest.raises(Failed, match='"mallory" cannot list'):
        plane.kubectl("--kubeconfig", mallory, "get", "secrets")
    plane.kubectl("create", "clusterrole", "reader", "--verb=list", "--resource=configmaps")
    plane.kubectl("create", "clusterrolebinding", "r", "--clusterrole=reader", "--group=guests")
    until(lambda: plane.kubectl("--kubeconfig", mallory, "get", "cm", "-A"), 10, "permission")
    assert plane.audit_log
    entries = [json.loads(line) for line in plane.audit_log.read_text().splitlines()]
    hers = [one for one in entries if one["user"].get("username") == "mallory"]
    codes = {one["responseStatus"]["code"] for one in hers}
    assert {200, 403} <= codes


def test_runs_side_by_side_do_not_meet(lab: Lab, node: Node) -> None:
    other = Docker.acquire()
    other.run("network", "create", "--label", f"{LABEL}={other.run_id}", other.full_name("net"))
    other.release()
    assert other.run_id not in lab.docker.run("network", "ls")
    assert node.ssh("true")[0] == 0


RUN = """
from lab.run import Lab
with Lab.open() as lab:
    servers = lab.control_plane._own.servers.values()
    node = lab.node("doomed", engine=False)
    print(lab.docker.run_id, lab.state, *(server.process.pid for server in servers), flush=True)
    input()
"""


@pytest.fixture
def doomed() -> Iterator["subprocess.Popen[str]"]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-c", RUN]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=env, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as run:
        yield run


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_survives_a_run(
    lab: Lab, doomed: "subprocess.Popen[str]", end: signal.Signals
) -> None:
    assert doomed.stdout
    run_id, state, *pids = doomed.stdout.readline().split()
    assert len(pids) == 2
    doomed.send_signal(end)
    doomed.communicate(timeout=60)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20, "end of servers")
    if end == signal.SIGKILL:  # then the next run tidies up
        with Lab.open() as later:
            assert later.docker.run_id != run_id
    assert not Path(state).exists()
    assert run_id not in lab.docker.run("ps", "-a") + lab.docker.run("network", "ls")
    assert not (RUNS / run_id).exists()
