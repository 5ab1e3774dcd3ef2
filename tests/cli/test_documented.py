"""Every option of kaituctl is explained on its page."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from kaitu.cli.app import app

PAGE = (Path(__file__).parents[2] / "docs" / "kaituctl.md").read_text()


def options() -> list[tuple[str, str]]:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    return [
        (name, flag)
        for name, command in commands.items()
        for option in command.params
        for flag in option.opts
        if flag.startswith("-")
    ]


@pytest.mark.parametrize(("command", "flag"), options())
def test_an_option_is_explained(command: str, flag: str) -> None:
    assert f"`{flag}`" in PAGE
    assert f"kaituctl {command} " in PAGE


@pytest.mark.parametrize("command", sorted({name for name, _ in options()}))
def test_the_exit_codes_are_those_of_the_page(command: str) -> None:
    """A help that names codes names those of the table, whose meaning is one for all."""
    told = get_command(app).commands[command].help or ""  # type: ignore[attr-defined]
    codes = re.findall(r"(?:Exit code: |, |; )([0-9]+) ", told.replace("\n", " "))
    assert all(f"| {code} |" in PAGE for code in codes)
    assert bool(codes) == ("Exit code" in told)


def test_the_check_sees_the_options() -> None:
    names = {"get", "status", "diff", "watch", "version", "doctor", "reconcile", "suspend"}
    names |= {"resume", "retry", "accept-host-key", "adopt", "plan", "apply", "import"}
    assert names == {name for name, _ in options()}
    assert "`--planted`" not in PAGE
