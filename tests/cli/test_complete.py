"""Completion without a cluster: words, commands and options are there, names are none."""

import sys

import pytest

from kaitu.cli.kube import complete


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ([], "kaituctl "),
        ([""], "kaituctl "),
        (["re"], "kaituctl re"),
        (["status", ""], "kaituctl status "),
        (["get", "-l", "a b"], "kaituctl get -l 'a b'"),
    ],
)
def test_the_line_that_a_shell_would_have(given: list[str], line: str) -> None:
    assert complete.words(given) == line


def offered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> list[str]:
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")
    for name in ("_KAITUCTL_COMPLETE", "_TYPER_COMPLETE_FISH_ACTION", "_TYPER_COMPLETE_ARGS"):
        monkeypatch.setenv(name, "")  # what main sets ends with the test
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-kaitu", *words])
    complete.main()
    *found, last = capsys.readouterr().out.splitlines()
    assert last == ":4"
    return [line.split("\t")[0] for line in found]


def test_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered(monkeypatch, capsys, "wat") == ["watch"]
    assert "--context" in offered(monkeypatch, capsys, "get", "--con")
    assert offered(monkeypatch, capsys, "get", "-o", "w") == ["wide"]


def test_a_cluster_that_is_not_there_offers_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered(monkeypatch, capsys, "status", "") == []
