"""Every option of kaituctl is explained on its page."""

from pathlib import Path

import pytest
from typer.main import get_command

from kaitu.cli.commands import app

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


def test_the_check_sees_the_options() -> None:
    assert {"plan", "apply", "import"} == {name for name, _ in options()}
    assert "`--planted`" not in PAGE
