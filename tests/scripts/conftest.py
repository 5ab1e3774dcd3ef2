"""A node per shell, and file systems that are full or read-only."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.run import SHELLS, Node


@pytest.fixture(params=SHELLS)
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    """A node that nobody owns."""
    return Node(tmp_path, request.param).prepare()


@pytest.fixture
def node(bare: Node) -> Node:
    """A node that is ours."""
    return bare.claimed()


@pytest.fixture
def dash(tmp_path: Path) -> Node:
    """A node that is ours, with the shell of Debian and Ubuntu."""
    return Node(tmp_path, "dash").prepare().claimed()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", str(place)]
    subprocess.run(mount, check=True)
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
