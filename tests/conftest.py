"""Rules of every test run, and the fixtures that unit and integration tests share."""

import os

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure: a skip would hide that something is not proven."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
