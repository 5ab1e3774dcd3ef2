"""The Docker Engine in which the lab's machines run: the one that is there, or a private one.

Everything a run makes carries its id as a label. Whoever comes next removes what a run that was
killed has left; that it is dead is known from its lock file, which the kernel frees.
"""

import fcntl
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lab import cache, keeper
from lab.command import attempt, run
from lab.packages import need
from lab.steps import LabError, step
from lab.wait import until

LABEL = "kaitu-lab.run"
RUNS = cache.shared() / "runs"
STANDARD = Path("/var/run/docker.sock")
ELSE = ", or start a Docker daemon, or set DOCKER_HOST"


@dataclass
class Docker:
    """This run's access to a Docker Engine."""

    host: str
    run_id: str
    private: bool
    _held: list[IO[str]]

    @classmethod
    def acquire(cls) -> "Docker":
        run_id = secrets.token_hex(4)
        RUNS.mkdir(exist_ok=True)
        held = [_hold(RUNS / run_id, fcntl.LOCK_EX)]
        host = _present()
        if not host:
            _install()
            host = _present()  # on some machines the package starts one
        if not host:
            held.append(_lease_private())
        docker = cls(host or f"unix://{keeper.SOCKET}", run_id, not host, held)
        docker._reap()
        return docker

    def run(self, *args: str, input: str | None = None, timeout: float = 120) -> str:  # noqa: A002
        """Output of the docker command, which must succeed."""
        return run("docker", "-H", self.host, *args, input=input, timeout=timeout)

    def attempt(self, *args: str, input: str | None = None, timeout: float = 120) -> "Answer":  # noqa: A002
        return attempt("docker", "-H", self.host, *args, input=input, timeout=timeout)

    def has_image(self, name: str) -> bool:
        return self.attempt("image", "inspect", name)[0] == 0

    def named(self, name: str) -> tuple[str, ...]:
        """Name and label of a thing of this run, as arguments."""
        return "--name", self.full_name(name), "--label", f"{LABEL}={self.run_id}"

    def full_name(self, name: str) -> str:
        return f"kaitu-lab-{self.run_id}-{name}"

    def remove(self, run_id: str) -> None:
        """All that a run has made here."""
        which = f"label={LABEL}={run_id}"
        for container in self.run("ps", "-aq", "--filter", which).split():
            self.attempt("rm", "-f", "-v", container)
        for network in self.run("network", "ls", "-q", "--filter", which).split():
            self.attempt("network", "rm", network)
        (RUNS / run_id).unlink(missing_ok=True)

    def release(self) -> None:
        self.remove(self.run_id)
        for file in self._held:
            file.close()

    def _reap(self) -> None:
        label = f'{{{{.Label "{LABEL}"}}}}'
        seen = self.run("ps", "-a", "--filter", f"label={LABEL}", "--format", label)
        seen += self.run("network", "ls", "--filter", f"label={LABEL}", "--format", label)
        for run_id in set(seen.split()) - {self.run_id}:
            if self._is_dead(run_id):
                self.remove(run_id)

    def _is_dead(self, run_id: str) -> bool:
        """A run unknown to this machine may be another machine's, unless the daemon is ours."""
        try:
            with (RUNS / run_id).open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return self.private
        except BlockingIOError:
            return False
        return True


Answer = tuple[int, str, str]


def _present() -> str | None:
    """Address of a daemon that is not ours to end."""
    host = os.environ.get("DOCKER_HOST")
    if not host and _answers(STANDARD):
        host = f"unix://{STANDARD}"
    if host:
        need("docker", package="docker-cli")
        run("docker", "-H", host, "version")
    return host


def _answers(path: Path) -> bool:
    """Asked without the docker command, which may not be there yet."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as engine:
        engine.settimeout(10)
        engine.connect(str(path))
        engine.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b"200" in engine.recv(64)
    return False


def _install() -> None:
    if os.geteuid() != 0:
        raise LabError(f"no Docker daemon that this user may use: be root{ELSE}")
    need("dockerd", package="docker.io", otherwise=ELSE)
    need("docker", package="docker-cli", otherwise=ELSE)


def _lease_private() -> IO[str]:
    lease = _hold(keeper.LEASE, fcntl.LOCK_SH)
    with cache.locked(cache.shared() / "docker.start"):
        if not _answers(keeper.SOCKET):
            with step("starting a private Docker daemon", "2 s"):
                keeper.spawn(cache.root() / "docker")
                until(lambda: _answers(keeper.SOCKET), 60, f"Docker daemon (see {keeper.LOG})")
    return lease


def _hold(path: Path, kind: int) -> IO[str]:
    file = path.open("w")
    fcntl.flock(file, kind)
    return file
