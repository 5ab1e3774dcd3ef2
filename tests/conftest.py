"""Rules of every test run, and the fixtures that unit and integration tests share."""

import os

import pytest
from hypothesis import settings

from lab.packages import need

# A busy machine is ten times slower: how long an example takes says nothing about the code.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_sessionstart() -> None:
    """The scripts must run under busybox, too, as on a small node."""
    need("busybox", package="busybox")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure: a skip would hide that something is not proven."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
