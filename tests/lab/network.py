"""A network of this run's own, whose machines keep their addresses through a reboot."""

import ipaddress
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from lab.cache import locked, shared
from lab.docker import LABEL, Docker


@dataclass(frozen=True)
class Network:
    docker: Docker
    name: str
    _addresses: Iterator[str]

    @classmethod
    def create(cls, docker: Docker) -> "Network":
        """Docker picks a free subnet, but pins addresses only in one that it was told."""
        name, label = docker.full_name("net"), f"{LABEL}={docker.run_id}"
        with locked(shared() / "network.lock"):
            docker.run("network", "create", "--label", label, name)
            subnet = docker.run(
                "network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", name
            ).strip()
            docker.run("network", "rm", name)
            docker.run("network", "create", "--label", label, "--subnet", subnet, name)
        hosts = map(str, ipaddress.ip_network(subnet).hosts())
        return cls(docker, name, itertools.islice(hosts, 9, None))

    def take(self) -> str:
        """The next address; never one that another machine of this run has had."""
        return next(self._addresses)
