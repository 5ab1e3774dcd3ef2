"""Every flag, metric and reason that a user can meet is explained, and pages are current."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from kaitu.api import runbook
from kaitu.controller import pages
from kaitu.controller.__main__ import _parser

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()


def flags() -> list[str]:
    """The flags that ``run --help`` names."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        _parser().parse_args(["run", "--help"])
    return sorted(set(re.findall(r"--[a-z][a-z-]+", text.getvalue())))


@pytest.mark.parametrize("flag", [flag for flag in flags() if flag != "--help"])
def test_a_flag_is_explained_with_its_variable(flag):
    assert f"`{flag}" in PAGE
    assert "KAITU_" + flag.strip("-").replace("-", "_").upper() in PAGE


def test_the_check_finds_what_is_missing():
    assert "`--planted`" not in PAGE


@pytest.mark.parametrize(
    ("file", "made"), [(pages.FILE, pages.metrics), (runbook.FILE, runbook.reasons)]
)
def test_a_generated_page_is_current(file, made):
    assert (ROOT / file).read_text() == made(), "run `make crds`"
