"""Who kaituctl is: kept whole, kept private, and never somebody else by accident."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kaitu.cli import home, state
from kaitu.cli.usage import UsageError

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "kaitu"


def test_asking_writes_nothing(kept: Path) -> None:
    assert state.known() == state.Installation(state.NOBODY, 0)
    assert not kept.exists()


def test_the_id_stays_and_the_counter_rises(kept: Path) -> None:
    first, second = state.raise_fence(), state.raise_fence()

    assert first.id == second.id
    assert (first.fence, second.fence) == (1, 2)
    assert state.known() == second


def test_only_its_owner_may_read_it(kept: Path) -> None:
    state.raise_fence()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (kept, *kept.iterdir())}
    assert modes == {"kaitu": 0o700, "lock": 0o600, "installation.json": 0o600}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"id": "x", "fence": 1}', '{"fence": 1}']
    + [json.dumps({"id": "0" * 32, "fence": wrong}) for wrong in (-1, "1", None, True, 1.0)],
)
def test_a_damaged_file_is_said_and_left_as_it_is(kept: Path, text: str) -> None:
    state.raise_fence()
    (kept / "installation.json").write_text(text)

    for ask in (state.known, state.raise_fence):
        with pytest.raises(UsageError, match="id and fence of old"):
            ask()
    assert (kept / "installation.json").read_text() == text


def test_a_home_that_cannot_be_written_is_said(kept: Path) -> None:
    kept.write_text("a file")
    with pytest.raises(UsageError, match="the state must be kept there"):
        state.raise_fence()


def test_a_relative_state_home_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert home.folder() == Path("/home/somebody/.local/state/kaitu")


def test_many_at_once_never_get_the_same_counter(tmp_path: Path) -> None:
    program = "from kaitu.cli import state\nfor _ in range(20): print(state.raise_fence().fence)"
    env = {"PYTHONPATH": str(ROOT / "operator"), "XDG_STATE_HOME": str(tmp_path)}
    crowd = [
        subprocess.Popen([sys.executable, "-c", program], env=env, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    counters = [int(line) for one in crowd for line in one.communicate()[0].split()]
    assert sorted(counters) == list(range(1, 81))
