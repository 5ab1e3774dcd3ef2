"""What the other tests stand on: a kubelet, Pod Security, DNS, a way from pods to the nodes."""

import json

import pytest

from lab.command import Failed
from lab.controlplane import ControlPlane
from lab.installed import NAME, Installed
from lab.node import Node

REACH = """
import socket, sys
socket.getaddrinfo("kubernetes.default.svc", 443)
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 20) as link:
    print(link.recv(99).decode())
"""


def test_kubelet_runs_the_pods(plane: ControlPlane, operator: Installed) -> None:
    nodes = json.loads(plane.kubectl("get", "nodes", "-o", "json"))["items"]
    assert all(node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes)
    (pod,) = operator.pods().values()
    assert pod["status"]["phase"] == "Running"


def test_pods_with_more_rights_are_refused_where_the_operator_runs(operator: Installed) -> None:
    with pytest.raises(Failed, match=r'violates PodSecurity "restricted'):
        operator.kubectl("run", "root", f"--image={operator.image}")


def test_the_operator_finds_names_and_reaches_nodes(operator: Installed, node: Node) -> None:
    python = ("exec", f"deploy/{NAME}", "--", "python3", "-c", REACH)
    banner = operator.kubectl(*python, node.address, str(node.port))
    assert banner.startswith("SSH-2.0-OpenSSH")


def test_helm_finds_it_ready(operator: Installed) -> None:
    assert "Succeeded" in operator.helm("test", NAME, "--logs")
