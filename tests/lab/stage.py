"""What the acts of the demo share: all that is up while it runs, and how they speak."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.cluster import Cluster
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.run import Lab


@dataclass(frozen=True)
class Stage:
    """Everything that is up while the demo runs."""

    lab: Lab
    cluster: Cluster
    node: Node
    registry: Registry
    operator: Operator


def say(text: str) -> None:
    print(f"\n== {text}", flush=True)


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"   {what}: {time.monotonic() - began:.1f} s", flush=True)
