"""The private Docker daemon's keeper: a process that ends the daemon when nobody needs it.

All runs on a machine share one daemon, since two in one network namespace would rewrite each
other's packet filter chains. Each run holds a shared lock on LEASE; the kernel drops it however
the run ends. The keeper gets the exclusive lock when the last one is gone.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from lab.cache import shared
from lab.command import Child

LEASE = shared() / "docker.lease"
SOCKET = shared() / "docker.sock"
STATE = shared() / "docker"
LOG = shared() / "dockerd.log"


def spawn(data: Path) -> None:
    """Start a keeper that outlives the run that needed it first."""
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "lab.keeper", str(data)],
        {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        file_actions=null,
        setsid=True,
    )


def keep(data: Path) -> None:
    """The lease stays locked while the daemon ends: a run that starts now waits for a new one."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _sweep()
    daemon = Child.start(
        "dockerd", "--data-root", str(data), "--exec-root", str(STATE),
        "--host", f"unix://{SOCKET}", "--pidfile", str(shared() / "docker.pid"),
        "--bridge", "none", "--shutdown-timeout", "2", log=LOG, last="TERM",
    )  # fmt: skip
    with LEASE.open("w") as lease:
        try:
            while not (_ended(daemon) or _unused(lease.fileno())):
                pass
        finally:
            daemon.stop(grace=60)
            _sweep()
            SOCKET.unlink(missing_ok=True)


def _sweep() -> None:
    """End what a daemon that died badly has left: its containers' shims know its state folder."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            program, *args = (process / "cmdline").read_text().split("\0")
            if "containerd" in program and any(f"{STATE}/" in arg for arg in args):
                os.kill(int(process.name), signal.SIGKILL)
    shutil.rmtree(STATE, ignore_errors=True)


def _ended(daemon: Child) -> bool:
    """Whether it has; also what paces the loop."""
    try:
        daemon.process.wait(0.2)
    except subprocess.TimeoutExpired:
        return False
    return True


def _unused(lease: int) -> bool:
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
