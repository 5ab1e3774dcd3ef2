"""Every flag and metric that a user can meet is explained in docs/operations.md."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from kaitu.controller.__main__ import _parser
from kaitu.controller.metrics import _NODE_GAUGES, FIGURES, Metrics

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


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


def metrics() -> list[str]:
    ours = Metrics().registry.collect()
    counted = [one.name for one in ours if one.name.startswith("kaitu")]
    others = ["kaitu_slot_holder", "kaitu_node_condition", "kaitu_node_disk_used_ratio"]
    return [*counted, *FIGURES, *(name for name, _, _ in _NODE_GAUGES), *others]


@pytest.mark.parametrize("name", metrics())
def test_a_metric_is_explained(name):
    assert f"`{name}" in PAGE


def test_the_check_finds_what_is_missing():
    assert "`--planted`" not in PAGE
    assert "`kaitu_planted" not in PAGE
