"""A node is real, and each fault shows its symptom and goes.

A fault that had no effect would make every test that uses it pass for nothing.
"""

import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lab.command import Failed
from lab.faults import FAULTS, fault
from lab.node import Node
from lab.relay import relay
from lab.run import Lab
from lab.wait import TooLate, until

NODE = {"apps_tmpfs": "20m"}

SYMPTOMS = {
    "freeze": ("true", "timed out"),
    "drop": ("true", "timed out"),
    "reject": ("true", "refused"),
    "unplug": ("true", "timed out|No route"),
    "sshd": ("true", "refused"),
    "auth": ("true", r"Permission denied \(publickey\)"),
    "nosudo": ("sudo -n true", "a password is required"),
    "diskfull": ("echo x >/apps/new || echo y >>/apps/.lab-fill", "No space left"),
    "readonly": ("touch /apps/new", "Read-only file system"),
    "nodocker": ("docker ps", "not found"),
    "dockerdown": ("sudo docker ps", "Cannot connect to the Docker daemon"),
    "dockerhang": ("sudo timeout 2 docker ps; echo rc=$?", "rc=124"),
}
TESTED_ALONE = {"hostkey", "maxstartups", "reboot", "sessions", "slowcpu", "slownet"}


def test_every_fault_is_tested() -> None:
    assert set(SYMPTOMS) | TESTED_ALONE == set(FAULTS)


@pytest.mark.parametrize("name", SYMPTOMS)
def test_fault_shows_its_symptom_and_goes(node: Node, name: str) -> None:
    command, symptom = SYMPTOMS[name]
    user = "ubuntu" if "sudo" in command else "root"
    with fault(node, name):
        assert re.search(symptom, node.ssh(command, user)[1])
    assert "rc=124" not in until(lambda: _works(node, command, user), 60, f"end of {name}")


def _works(node: Node, command: str, user: str) -> str | None:
    code, out = node.ssh(f"{command} && echo works", user)
    return out if code == 0 and "works" in out else None


def test_host_key_changes_and_comes_back(node: Node) -> None:
    before = node.host_key
    with fault(node, "hostkey"):
        assert node.host_key != before
        assert _scanned(node) == node.host_key
    assert node.host_key == before == _scanned(node)


def _scanned(node: Node) -> str:
    """What the wire shows, as "ssh-ed25519 AAAA..."."""
    argv = ["ssh-keyscan", "-t", "ed25519", "-p", str(node.port), node.address]
    seen = subprocess.run(argv, capture_output=True, text=True, check=True)
    return " ".join(seen.stdout.split()[1:3])


def test_maxstartups_refuses_a_second_stranger(node: Node) -> None:
    with fault(node, "maxstartups"), socket.create_connection((node.address, node.port)) as first:
        assert first.recv(8) == b"SSH-2.0-"
        assert re.search("reset|closed", node.ssh("true")[1])
    node.wait_ready()


def test_sessions_are_cut(node: Node) -> None:
    with ThreadPoolExecutor() as pool:
        session = pool.submit(node.ssh, "touch /run/started; sleep 60", timeout=90)
        until(lambda: node.run("ls /run/started"), 30, "session")
        with fault(node, "sessions"):
            assert session.result(30)[0] == 255
    assert node.ssh("true")[0] == 0


def test_slow_cpu_is_limited_and_alive(node: Node) -> None:
    limit = ("inspect", "-f", "{{.HostConfig.NanoCpus}}", node.container)
    with fault(node, "slowcpu", cpus="0.1"):
        assert node.docker.run(*limit).strip() == "100000000"
        assert node.ssh("true", timeout=60)[0] == 0
    assert int(node.docker.run(*limit)) >= 1_000_000_000


def test_slow_net_takes_its_time(node: Node) -> None:
    with fault(node, "slownet", rate="128kbit"):
        began = time.monotonic()
        assert len(node.ssh("head -c 32000 /dev/zero | tr '\\0' x", timeout=60)[1]) == 32000
        assert time.monotonic() - began > 1  # 256 kbit at 128 kbit/s


def test_unknown_fault_and_failing_script_are_errors(node: Node) -> None:
    with pytest.raises(KeyError), fault(node, "gremlins"):
        pass
    with pytest.raises(Failed, match="exit 3"):
        node.run("exit 3")


def test_deadline_names_what_was_missed() -> None:
    with pytest.raises(TooLate, match=r"no rain within 0\.1 s; last seen: 0"):
        until(lambda: 0, 0.1, "rain")


def test_files_arrive_as_they_are(node: Node) -> None:
    node.write("/apps/deep/file", "a'b\n$x \\ ü\n", mode=0o600)
    assert node.read("/apps/deep/file") == "a'b\n$x \\ ü\n"
    assert node.run("stat -c %a /apps/deep/file").strip() == "600"


@pytest.mark.parametrize("spoil", [{"cut_after": 200}, {"banner": b"HTTP/1.0 400 Bad\r\n\r\n"}])
def test_relay_spoils(node: Node, spoil: dict[str, int | bytes]) -> None:
    with relay(node.address, node.port, **spoil) as broken:  # type: ignore[arg-type]
        assert _through(node, broken.address, broken.port)[0] == 255


def test_relay_hangs(node: Node) -> None:
    with relay(node.address, node.port, hang_after=200) as silent, pytest.raises(Failed) as error:
        _through(node, silent.address, silent.port, timeout=3)
    assert "not done" in str(error.value)


def test_relay_delays_but_delivers(node: Node) -> None:
    with relay(node.address, node.port, delay=0.01) as slow:
        assert _through(node, slow.address, slow.port) == (0, "arrived\n")


def _through(node: Node, address: str, port: int, timeout: float = 20) -> tuple[int, str]:
    near = replace(node, address=address, port=port)
    return near.ssh("echo arrived", timeout=timeout)


def test_reboot_and_power_cut_are_boots(node: Node) -> None:
    boots = {_booted(node)}
    with fault(node, "reboot"):
        boots.add(_booted(node))
    node.power_cut()
    assert len({*boots, _booted(node)}) == 3


def _booted(node: Node) -> str:
    return node.run("systemctl show -p UserspaceTimestampMonotonic")


def test_node_without_docker(lab: Lab) -> None:
    bare = lab.node("bare", engine=False)
    assert "Cannot connect" in bare.ssh("sudo docker ps", "ubuntu")[1]
    bare.remove()
