"""A real node: systemd, sshd on port 1022, cron and a Docker Engine of its own, in a container.

The tests reach into it from outside its SSH, so that a node whose SSH is broken can be judged.
"""

import base64
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from lab import images
from lab.command import Failed, attempt
from lab.docker import Docker
from lab.keys import Keys
from lab.network import Network
from lab.registry import ADDRESS as REGISTRY
from lab.steps import step
from lab.wait import until

# What --privileged gives, less what would reach the machine itself or may not be ours to give.
PRIVILEGED = (
    "--cap-add=ALL", "--cap-drop=SYS_RESOURCE", "--cap-drop=SYS_MODULE", "--cap-drop=SYS_TIME",
    "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined", "--device-cgroup-rule=a *:* rwm",
)  # fmt: skip
RIGHTS = (
    *PRIVILEGED,
    "--cgroupns=private", "--tmpfs=/run:mode=755", "--tmpfs=/tmp",
    "--volume=/var/lib/docker", "--volume=/var/lib/containerd",
    "--stop-signal=SIGRTMIN+3", "--restart=always",
)  # fmt: skip
ENGINE_UP = "curl -sf --unix-socket /run/docker.sock http://docker/_ping"


@dataclass(frozen=True)
class Node:
    docker: Docker
    keys: Keys
    name: str
    address: str
    engine: bool
    options: tuple[str, ...]
    port: int = 1022
    image: images.Image = images.NODE

    @classmethod
    def start(
        cls,
        docker: Docker,
        network: Network,
        name: str,
        *,
        keys: Keys,
        apps_tmpfs: str | None = None,
        engine: bool = True,
        image: images.Image = images.NODE,
    ) -> "Node":
        """Start it and wait until it can be used; `apps_tmpfs` is the size of a small /apps."""
        small = (f"--tmpfs=/apps:size={apps_tmpfs}",) if apps_tmpfs else ()
        options = (*small, "--network", network.name)
        node = cls(docker, keys, name, network.take(), engine, options, image=image)
        node._install()
        return node

    def _install(self) -> None:
        image = images.have(self.docker, self.image)
        with step(f"starting node {self.name} at {self.address}", "2 s"):
            self.docker.run(
                "run", "--detach", *self.docker.named(self.name), "--hostname", self.name,
                *RIGHTS, *self.options, "--ip", self.address,
                "--env", f"LAB_PUBLIC_KEY={self.keys.public}", "--env", f"LAB_REGISTRY={REGISTRY}",
                "--env", f"LAB_ENGINE={'yes' if self.engine else 'no'}", image,
            )  # fmt: skip
            self.wait_ready()

    def reinstall(self) -> None:
        """A new machine at the same address: nothing of the old one is left."""
        self.remove()
        self._install()

    @property
    def container(self) -> str:
        return self.docker.full_name(self.name)

    @property
    def host_key(self) -> str:
        """The key to pin, as "ssh-ed25519 AAAA..."."""
        return " ".join(self.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])

    def run(
        self,
        script: str,
        input: str | None = None,  # noqa: A002 - the word subprocess uses
        check: bool = True,
        timeout: float = 60,
    ) -> str:
        """Output of a shell script run as root; with check=False output and errors together."""
        argv = ("exec", "-i", self.container, "sh", "-c", script)
        code, out, err = self.docker.attempt(*argv, input=input, timeout=timeout)
        if code and check:
            raise Failed((self.name, script), code, out, err)
        return out if check else out + err

    def read(self, path: str) -> str:
        return self.read_bytes(path).decode()

    def read_bytes(self, path: str) -> bytes:
        return base64.b64decode(self.run(f"base64 '{path}'"))

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        folder = PurePosixPath(path).parent
        self.run(f"mkdir -p '{folder}' && cat >'{path}' && chmod {mode:o} '{path}'", input=text)

    def ssh(self, command: str, user: str = "root", timeout: float = 20) -> tuple[int, str]:
        """Exit code and all output of OpenSSH's client; no key is pinned: it judges the lab."""
        code, out, err = attempt(
            "ssh", "-F", "none", "-p", str(self.port), "-i", str(self.keys.path),
            "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=3",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "LogLevel=ERROR", f"{user}@{self.address}", command, timeout=timeout,
        )  # fmt: skip
        return code, out + err

    def wait_ready(self, timeout: float = 180) -> None:
        """Both users log in, sudo works, and the inner Docker Engine answers."""
        check = ENGINE_UP if self.engine else "true"
        for user, command in (("root", "true"), ("ubuntu", f"sudo -n {check}")):
            what = f"{command!r} as {user} on {self.name}"
            until(partial(self._does, command, user), timeout, what)

    def _does(self, command: str, user: str) -> bool:
        return self.ssh(command, user)[0] == 0

    def started(self) -> str:
        """When it was booted last; boot_id and uptime in it are those of the whole machine."""
        return self.docker.run("inspect", "-f", "{{.State.StartedAt}}", self.container)

    def reboot(self) -> None:
        """As an administrator would."""
        before = self.started()
        self.run("systemctl reboot", check=False)
        until(lambda: self.started() != before, 60, f"reboot of {self.name}")
        self.wait_ready()

    def power_cut(self) -> None:
        """All processes die at once, with nothing written in order."""
        self.docker.run("kill", self.container)
        self.docker.run("start", self.container)
        self.wait_ready()

    def remove(self) -> None:
        self.docker.run("rm", "-f", "-v", self.container)
