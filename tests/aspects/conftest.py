"""Each test that asks for a shell runs under all of them."""

from pathlib import Path

import pytest

from aspects import fragments


@pytest.fixture(params=fragments.SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> object:
    return fragments.shell(request.param, tmp_path_factory.mktemp("applets"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a machine with nothing in it."""
    return tmp_path
