"""Every script of the catalogue: it is whole, every shell can read it, and it travels as text."""

import subprocess

import pytest

from kaitu.core.command import CATALOGUE
from kaitu.remote import loader
from scripts.run import SCRIPTS, SHELLS


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("shell", SHELLS.values())
def test_every_shell_can_read_it(name: str, shell: str) -> None:
    program = [shell, *(["sh"] if shell == "busybox" else []), "-n"]
    text = loader.script_text(name).encode("ascii")
    done = subprocess.run(program, input=text, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("name", CATALOGUE)
def test_who_writes_holds_the_lock_first(name: str) -> None:
    """A writing script begins with frame and guard and calls hold; the probe has neither."""
    parts = CATALOGUE[name].files
    assert parts[0] == "frame.sh"
    assert (parts[1] == "guard.sh") == CATALOGUE[name].writes
    calls = [line.split()[:1] for line in (SCRIPTS / parts[-1]).read_text().splitlines()]
    assert (["hold"] in calls) == CATALOGUE[name].writes


def test_no_part_is_left_over() -> None:
    used = {part for script in CATALOGUE.values() for part in script.files}
    assert {path.name for path in SCRIPTS.iterdir()} == used
