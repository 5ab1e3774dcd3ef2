"""A real image registry behind a front that counts requests and misbehaves when told to."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from lab import images, roles
from lab.docker import Docker
from lab.network import Network
from lab.steps import step
from lab.wait import until

NAME = "registry.lab"
ADDRESS = f"{NAME}:5000"  # what nodes call it; they know it as an insecure registry
FRONT = (images.INSIDE / "front.py").read_text()


@dataclass(frozen=True)
class Registry:
    docker: Docker
    host: str
    name: str = ADDRESS

    @classmethod
    def start(cls, docker: Docker, network: Network) -> "Registry":
        image = images.have(docker, images.REGISTRY)
        registry = cls(docker, network.take())
        with step("starting the image registry", "1 s"):
            docker.run(
                "run", "--detach", "--init", *docker.named("registry"),
                "--network", network.name, "--network-alias", NAME, "--ip", registry.host,
                image, "python3", "-u", "-c", FRONT,
            )  # fmt: skip
            registry._wait()
        return registry

    @property
    def address(self) -> str:
        """Where this machine reaches it."""
        return f"{self.host}:5000"

    def push(self, *versions: str) -> dict[str, roles.Pushed]:
        """Every role's image in these versions; the last one is also "latest"."""
        busybox = images.busybox()
        pushed = {}
        with step(f"pushing the images {', '.join(versions)}", "2 s"):
            for version in versions:
                for role in roles.ROLES:
                    tags = (version, "latest") if version == versions[-1] else (version,)
                    image = roles.build(role, version, busybox)
                    pushed[f"{role}:{version}"] = roles.push(self.address, image, tags)
        return pushed

    def tag(self, role: str, old: str, new: str) -> None:
        """Point a tag at what another one points at: a release."""
        roles.tag(self.address, role, old, new)

    def misbehave(
        self,
        mode: str = "status",
        *,
        code: int = 429,
        count: int = -1,
        path: str = "",
        retry_after: int | None = None,
        seconds: float = 5,
    ) -> None:
        """For the next `count` requests (-1: all) with `path` in theirs; counts start at zero.

        Modes: status (answer `code`), slow (by `seconds`), cut (no answer), truncate (half of it).
        """
        self._control({
            "mode": mode, "code": code, "count": count, "path": path,
            "retry_after": retry_after, "seconds": seconds,
        })  # fmt: skip

    def behave(self) -> None:
        """Answer as a good registry does; counts start at zero."""
        self._control({"mode": "ok"})

    def stats(self) -> dict[str, int]:
        """Since the last change of behaviour: requests, manifests, blobs, spoiled."""
        return self._control(None)

    def stop(self) -> None:
        self.docker.run("stop", "-t", "1", self.docker.full_name("registry"))

    def start_again(self) -> None:
        self.docker.run("start", self.docker.full_name("registry"))
        self._wait()

    def _control(self, behaviour: dict[str, Any] | None) -> dict[str, int]:
        body = json.dumps(behaviour).encode()
        with urllib.request.urlopen(f"http://{self.host}:5002/", body, timeout=10) as answer:
            counts: dict[str, int] = json.load(answer)
        return counts

    def _wait(self) -> None:
        until(lambda: self._control(None), 60, "front of the registry")
        url = f"http://{self.address}/v2/"
        until(lambda: urllib.request.urlopen(url, timeout=5).status == 200, 60, "registry")
        self.behave()
