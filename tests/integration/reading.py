"""A page that installs the operator, and the operator that then runs."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from lab import pod
from lab.controlplane import ControlPlane
from lab.operator import Operator
from lab.wait import until


def with_operator(plane: ControlPlane, folder: Path, reader: Callable[[], str]) -> str:
    """What the reader was told; the pod runs as soon as the page has installed it."""
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(reader)
        operator = until(lambda: _installed(plane, folder, reading), 120, "operator's Deployment")
        try:
            return reading.result()
        finally:
            operator.stop()


def _installed(plane: ControlPlane, folder: Path, reading: "Future[str]") -> Operator:
    if reading.done():
        raise AssertionError(f"the page ended before it installed anything: {reading.result()}")
    return pod.start(plane, folder)
