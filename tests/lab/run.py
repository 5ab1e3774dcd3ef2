"""One run of the lab: its parts come to be when first asked for, and end in reverse order.

They end also after an error, Ctrl-C or SIGTERM. After SIGKILL the kernel ends the servers, and
the next run removes containers and files.
"""

import atexit
import fcntl
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from lab import cache
from lab.controlplane import ControlPlane
from lab.docker import Docker
from lab.keys import Keys
from lab.kind import Kind
from lab.network import Network
from lab.node import Node
from lab.registry import Registry

STATE = "kaitu-lab-state-"


class Lab:
    def __init__(self, state: Path, ending: ExitStack) -> None:
        self.state = state
        self._ending = ending

    @classmethod
    @contextmanager
    def open(cls) -> Iterator["Lab"]:
        if threading.current_thread() is threading.main_thread():
            # As Ctrl-C: so that `finally` blocks run.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        with ExitStack() as ending:
            atexit.register(ending.close)
            yield cls(_new_state(ending), ending)

    def closing(self, callback: Callable[[], object]) -> None:
        """Call this when the lab closes, before the parts that are there now are ended."""
        self._ending.callback(callback)

    @cached_property
    def control_plane(self) -> ControlPlane:
        plane = ControlPlane.start(self.state / "control-plane")
        self.closing(plane.stop)
        return plane

    @cached_property
    def docker(self) -> Docker:
        docker = Docker.acquire()
        self.closing(docker.release)
        return docker

    @cached_property
    def network(self) -> Network:
        return Network.create(self.docker)

    @cached_property
    def kind(self) -> Kind:
        """A cluster with kubelet and controllers, whose pods reach the nodes."""
        return Kind.start(self.docker, self.network, self.state / "kind")

    @cached_property
    def keys(self) -> Keys:
        return Keys.make(self.state)

    @cached_property
    def registry(self) -> Registry:
        return Registry.start(self.docker, self.network)

    def node(self, name: str, **options: Any) -> Node:
        """A new node; remove it when it is no longer needed, or it goes with the run."""
        return Node.start(self.docker, self.network, name, keys=self.keys, **options)


def _new_state(ending: ExitStack) -> Path:
    """A folder for this run, with a lock by which later runs see that it is still needed."""
    with cache.locked(cache.shared() / "state.lock"):
        for left in Path(tempfile.gettempdir()).glob(f"{STATE}*"):
            _remove_unused(left)
        state = Path(tempfile.mkdtemp(prefix=STATE))
        lock = ending.enter_context((state / "lock").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)
    ending.callback(shutil.rmtree, state, ignore_errors=True)
    return state


def _remove_unused(state: Path) -> None:
    with suppress(OSError), (state / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(state)
