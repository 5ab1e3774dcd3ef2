"""put_file and remove_file: whole or not at all, and nothing but what was meant."""

import fcntl
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kaitu.core.command import Command
from kaitu.core.text import digest
from scripts.run import MARK, Node, etc, put

OLD, NEW = b"old content\n", b"new content\n"


@pytest.fixture
def file(node: Node) -> Path:
    path = node.app / "docker-compose.yml"
    path.write_bytes(OLD)
    return path


def leftovers(node: Node) -> list[Path]:
    return list(node.app.glob("**/.kaitu-*"))


def test_a_file_is_made_with_its_mode(node: Node) -> None:
    path = node.app / "file"
    assert node.code(put(path, NEW, "absent", mode="640")) == "OK"
    status = path.stat()
    assert (path.read_bytes(), stat.S_IMODE(status.st_mode)) == (NEW, 0o640)
    assert (status.st_uid, status.st_gid) == (0, 0)
    assert leftovers(node) == []


def test_a_file_is_replaced_and_a_second_time_left_alone(node: Node, file: Path) -> None:
    assert node.code(put(file, NEW, digest(OLD))) == "OK"
    before = file.stat()
    assert node.code(put(file, NEW, digest(OLD))) == "SAME"
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert file.stat().st_ino == before.st_ino


def test_a_wrong_mode_is_put_right(node: Node, file: Path) -> None:
    file.chmod(0o777)
    assert node.code(put(file, OLD)) == "OK"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_an_empty_file(node: Node, file: Path) -> None:
    assert node.code(put(file, b"")) == "OK"
    assert file.read_bytes() == b""


def test_directories_are_made_only_when_told(node: Node) -> None:
    path = node.app / "a/b/file"
    assert node.answer(put(path, NEW)) == {"code": "ENODIR", "detail": str(path.parent)}
    assert node.code(put(path, NEW, "any", "mkdir")) == "OK"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ({"size": len(NEW) + 1}, "ESHORT"),
        ({"size": len(NEW) - 1}, "EDIGEST"),
        ({"sha": digest(OLD + NEW)}, "EDIGEST"),
        ({"size": 1 << 21}, "EARG"),
        ({"size": "1x"}, "EARG"),
        ({"mode": "6755"}, "EARG"),
    ],
)
def test_content_that_is_not_as_said(
    node: Node, file: Path, lie: dict[str, Any], code: str
) -> None:
    assert node.code(put(file, NEW, **lie)) == code
    assert file.read_bytes() == OLD
    assert leftovers(node) == []


@pytest.mark.parametrize("expected", ["absent", digest(NEW + NEW)])
def test_a_file_that_is_not_what_the_caller_saw(node: Node, file: Path, expected: str) -> None:
    assert node.code(put(file, NEW, expected)) == "ECONFLICT"
    assert file.read_bytes() == OLD


@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "directory", "second name"])
def test_a_target_that_is_no_plain_file(node: Node, kind: str) -> None:
    path, other = node.app / "file", node.root / "other"
    other.write_bytes(OLD)
    make: dict[str, Callable[[], None]] = {
        "link": lambda: path.symlink_to(other),
        "dangling": lambda: path.symlink_to(node.root / "nothing"),
        "fifo": lambda: os.mkfifo(path),
        "directory": path.mkdir,
        "second name": lambda: path.hardlink_to(other),
    }
    make[kind]()
    before = path.lstat()
    expected = "ESYMLINK" if path.is_symlink() else "ENOTREG"
    assert node.answer(put(path, NEW)) == {"code": expected, "detail": "file"}
    assert path.lstat() == before
    assert (other.read_bytes(), (node.root / "nothing").exists()) == (OLD, False)


def test_a_directory_that_is_a_symlink(node: Node) -> None:
    link = node.root / "link"
    link.symlink_to(node.app)
    assert node.code(put(link / "file", NEW)) == "ESYMDIR"
    assert node.code(put(link / "deep/file", NEW, "any", "mkdir")) == "ESYMDIR"
    assert list(node.app.iterdir()) == []


def test_a_directory_that_everybody_can_write(node: Node) -> None:
    node.app.chmod(0o777)
    assert node.answer(put(node.app / "file", NEW)) == {"code": "EUNSAFE", "detail": str(node.app)}


@pytest.mark.parametrize(
    "path",
    [
        *("APP/../file", "APP/./file", "APP//file", "APP/file/", "APP/.env", "file", "/file"),
        *("/etc/kaitu/.ready", "/etc/kaitu/a/b", "/etc/iptables/rules.v4", "/etc/nftables.conf"),
    ],
)
def test_a_path_that_is_never_written(node: Node, path: str) -> None:
    target = path.replace("APP", str(node.app))
    assert node.answer(put(Path("x"), NEW, target=target)) == {"code": "EARG", "detail": target}
    assert list(node.app.iterdir()) == []


def test_a_full_disk(node: Node, small: Path) -> None:
    path, old, new = small / "file", b"o" * 600_000, b"n" * 600_000
    path.write_bytes(old)
    assert node.code(put(path, new)) == "ENOSPC"
    assert (path.read_bytes(), len(list(small.iterdir()))) == (old, 1)


def test_a_read_only_mount(node: Node, small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    assert node.code(put(small / "file", NEW)) == "EROFS"
    assert node.code(put(small / "sub/file", NEW, "any", "mkdir")) == "EROFS"


def test_a_cut_connection_leaves_nothing(node: Node, file: Path) -> None:
    whole = put(file, NEW * 100)
    assert node.code(Command("put_file", whole.words, whole.data[:500])) == "ESHORT"
    assert (file.read_bytes(), leftovers(node)) == (OLD, [])


def test_a_file_is_removed(node: Node, file: Path) -> None:
    assert node.code(Command("remove_file", (str(file), digest(NEW)))) == "ECONFLICT"
    assert file.exists()
    assert node.code(Command("remove_file", (str(file), digest(OLD)))) == "OK"
    assert not file.exists()
    assert node.code(Command("remove_file", (str(file), digest(OLD)))) == "SAME"


@pytest.mark.parametrize("name", [".env", "link"])
def test_what_is_never_removed(node: Node, name: str) -> None:
    (node.app / ".env").write_bytes(OLD)
    (node.app / "link").symlink_to(".env")
    code = node.code(Command("remove_file", (str(node.app / name), digest(OLD))))
    assert code == {".env": "EARG", "link": "ESYMLINK"}[name]
    assert (node.app / ".env").read_bytes() == OLD
    assert (node.app / "link").is_symlink()


@pytest.mark.parametrize(
    ("found", "sent", "code"),
    [
        (None, MARK + NEW, "OK"),
        (MARK + OLD, MARK + NEW, "OK"),
        (None, NEW, "EFOREIGN"),
        (OLD, MARK + NEW, "EFOREIGN"),
        (b"\n" + MARK, MARK + NEW, "EFOREIGN"),
        (b"", MARK + NEW, "EFOREIGN"),
    ],
)
def test_in_etc_only_marked_files_are_ours(
    node: Node, found: bytes | None, sent: bytes, code: str
) -> None:
    before, cron = etc(node), node.root / "cron.d/kaitu-a"
    if found is not None:
        cron.write_bytes(found)
    assert node.code(put(Path("/etc/cron.d/kaitu-a"), sent), unshared=before) == code
    assert (cron.read_bytes() if cron.exists() else None) == (sent if code == "OK" else found)


@pytest.mark.parametrize("found", [OLD, b"", b"\n" + MARK])
def test_in_etc_only_marked_files_are_removed(node: Node, found: bytes) -> None:
    before, cron = etc(node), node.root / "cron.d/kaitu-a"
    cron.write_bytes(found)
    gone = Command("remove_file", ("/etc/cron.d/kaitu-a", digest(found)))
    assert node.code(gone, unshared=before) == "EFOREIGN"
    assert cron.read_bytes() == found


def test_release_takes_what_is_marked_and_leaves_the_rest(node: Node) -> None:
    before, cron, sysctl = etc(node), node.root / "cron.d", node.root / "sysctl.d"
    for path in (cron / "kaitu-a", cron / "b", sysctl / "99-z-kaitu.conf"):
        path.write_bytes(MARK + NEW)
    (cron / "kaitu-foreign").write_bytes(NEW)
    (cron / "kaitu-link").symlink_to("b")
    os.mkfifo(cron / "kaitu-fifo")
    (node.app / ".env").write_bytes(OLD)
    (node.state / "job").mkdir()
    (node.state / "job/staged").write_bytes(OLD)
    (node.state / "job/place").write_text(f"{node.app} 60 k2-sidecar\n")
    (node.app / ".kaitu-spare.x").write_bytes(OLD)  # as a kill leaves them
    (node.state / ".new.held").write_bytes(OLD)
    (node.state / "held").write_bytes(OLD)
    assert node.code(Command("release"), unshared=before) == "OK"
    assert sorted(p.name for p in cron.iterdir()) == ["kaitu-fifo", "kaitu-foreign", "kaitu-link"]
    assert list(sysctl.iterdir()) == []
    assert [p.name for p in node.state.iterdir()] == ["lock"]
    assert [p.name for p in node.app.iterdir()] == [".env"]
    assert (node.app / ".env").read_bytes() == OLD
    assert node.code(Command("release"), unshared=before) == "SAME"


def test_release_waits_for_a_job_that_runs(node: Node) -> None:
    before = etc(node)
    (node.state / "job").mkdir()
    with (node.state / "job.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert node.code(Command("release"), unshared=before) == "EBUSY"
        assert (node.state / "owner").exists()
        assert (node.state / "job").exists()
    assert node.code(Command("release"), unshared=before) == "OK"


def test_release_leaves_nothing_on_a_node_that_was_never_ours(bare: Node) -> None:
    assert bare.code(Command("release")) == "SAME"
    assert not bare.state.exists()
