"""A folder that stands for a node, for each kind of shell that a node may have."""

from pathlib import Path

import pytest

from scripts.run import SHELLS, Node


@pytest.fixture(params=SHELLS)
def anyshell(request: pytest.FixtureRequest, tmp_path: Path) -> Node:
    """A node that is ours, with each of the shells."""
    return Node(tmp_path, request.param).prepare().claimed()


@pytest.fixture
def dash(tmp_path: Path) -> Node:
    """A node that is ours, with the shell of Debian and Ubuntu."""
    return Node(tmp_path, "dash").prepare().claimed()
