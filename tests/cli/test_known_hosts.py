"""Host keys that were learned: kept, never overruled by accident, never lost to a damaged file."""

from dataclasses import replace
from pathlib import Path

import pytest

from kaitu.cli import known_hosts
from kaitu.cli.usage import UsageError
from remote.servers import HOST_KEY, OTHER_KEY, public, target

FIRST, SECOND = public(HOST_KEY), public(OTHER_KEY)
NODE = target(1022)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "kaitu"


def test_a_key_is_kept_for_its_address() -> None:
    known_hosts.store(NODE, FIRST, instead_of=None)
    known_hosts.store(target(1023), SECOND, instead_of=None)

    assert known_hosts.lookup(NODE) == FIRST
    assert known_hosts.lookup(target(1023)) == SECOND
    assert known_hosts.lookup(target(1024)) is None


def test_another_key_replaces_only_the_one_that_was_seen() -> None:
    known_hosts.store(NODE, FIRST, instead_of=None)
    for before in (None, SECOND):
        with pytest.raises(UsageError, match="has just stored"):
            known_hosts.store(NODE, SECOND, instead_of=before)
    known_hosts.store(NODE, SECOND, instead_of=FIRST)
    assert known_hosts.lookup(NODE) == SECOND


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"[h]:22": "ssh-ed25519 x"}', '{"[h]:22": 1}']
)
def test_a_damaged_file_is_no_first_contact(kept: Path, text: str) -> None:
    known_hosts.store(NODE, FIRST, instead_of=None)
    (kept / known_hosts.FILE).write_text(text)
    with pytest.raises(UsageError, match="cannot be read"):
        known_hosts.lookup(NODE)


def test_a_disk_that_takes_nothing_keeps_the_old_file(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known_hosts.store(NODE, FIRST, instead_of=None)
    before = (kept / known_hosts.FILE).read_text()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match="No space left on device; it was left as it was"):
        known_hosts.store(target(1023), SECOND, instead_of=None)
    assert (kept / known_hosts.FILE).read_text() == before
    assert {path.name for path in kept.iterdir()} == {known_hosts.FILE, "lock"}


def test_one_address_behind_two_bastions_is_two_hosts() -> None:
    far = replace(NODE, jumps=(target(1030),))
    known_hosts.store(NODE, FIRST, instead_of=None)
    assert known_hosts.lookup(far) is None
    known_hosts.store(far, SECOND, instead_of=None)
    assert known_hosts.lookup(NODE) == FIRST
