"""The command line before anything is asked of a node: what it refuses, and how it ends."""

import sys
from pathlib import Path

import pytest

from kaitu.cli import __main__ as program
from kaitu.cli.commands import _chosen
from kaitu.cli.manifests import Manifests
from kaitu.cli.usage import UsageError
from kaitu.cli.verdict import TROUBLE, USAGE

KEYS = (("prod", "web"), ("staging", "web"), ("prod", "db"))
NODES = Manifests({("KaituNode", *key): {} for key in KEYS})


def test_a_node_is_named_so_that_no_other_can_be_meant() -> None:
    assert _chosen(NODES, ["db"]) == [("prod", "db")]
    assert _chosen(NODES, ["staging/web"]) == [("staging", "web")]
    assert _chosen(NODES, []) == list(NODES.nodes)
    with pytest.raises(UsageError, match="prod/web, staging/web"):
        _chosen(NODES, ["web"])
    with pytest.raises(UsageError, match="no KaituNode x"):
        _chosen(NODES, ["x"])


def code(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["kaituctl", *words])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("text", ["kind: [a]", "kind: List\nitems: 5", "{", "a: 1"])
def test_odd_files_are_usage(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text(text)
    assert code(monkeypatch, "plan", "-f", str(tmp_path)) == USAGE


def test_what_is_held_has_a_name_of_one_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert code(monkeypatch, "apply", "-f", str(tmp_path), "--retry", "foo bar") == USAGE


def test_a_defect_is_trouble_and_no_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("with a secret")

    monkeypatch.setattr(program, "app", broken)
    assert code(monkeypatch, "plan") == TROUBLE
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert "with a secret" not in shown
