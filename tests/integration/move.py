"""A deployment in whose middle a test lets something fall away."""

import json
from dataclasses import dataclass

from integration.standing import Vps, slow
from lab.registry import Registry

SERVICES = ["k2-oc", "k2-sidecar", "k2v4-slave", "k2v5"]


@dataclass
class Move:
    """A deployment to the other one of two releases; the next test moves on from there."""

    vps: Vps
    version: str
    since: str

    def begin(self, phase: str, registry: Registry | None = None, seconds: int = 4) -> None:
        """Until its job has come to this phase; with a registry, its pull takes a while."""
        if registry:
            images = f"docker images -q '*/*:{self.version}'"
            self.vps.node.run(f"{images} | xargs -r docker rmi -f >/dev/null")
            # Not the greeting of the registry: Docker waits 15 s for that, and asks anew.
            registry.misbehave("slow", seconds=seconds, count=1, path="/manifests/")
        self.vps.release(f"2.0.{self.since}", slow(self.version))
        self.vps.phase(phase)

    def ends(self) -> None:
        """By itself, with every service on the new release."""
        self.vps.recovers(240)
        self.vps.runs(self.version)

    def made(self) -> list[str]:
        """The services of the containers that were made since it began."""
        words = f"docker events --since {self.since} --until $(date +%s) --filter event=create"
        lines = self.vps.node.run(words + " --format '{{json .}}'").splitlines()
        made = [json.loads(line) for line in lines if '"container"' in line]
        return sorted(one["Actor"]["Attributes"]["com.docker.compose.service"] for one in made)


def moving(vps: Vps) -> Move:
    """From the release that runs to the other one."""
    vps.recovers(240)
    images = vps.node.run("docker ps --format '{{.Image}}'")
    other = "v1" if ":v2" in images else "v2"
    return Move(vps, other, vps.node.run("date +%s").strip())
