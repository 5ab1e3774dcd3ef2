"""merge_env on a live .env: its rights, its other writers, and what must never show."""

import base64
import os
import random
import stat
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from kaitu.core.command import Command
from kaitu.core.text import digest
from kaitu.remote import loader
from scripts.run import TOOLS, Node, env, put, toolbox

SECRET = b"K2_NODE_SECRET=do-not-touch\n"


@pytest.fixture
def live(node: Node) -> Path:
    path = node.app / ".env"
    path.write_bytes(SECRET + b"A=0\n")
    path.chmod(0o640)
    return path


def names(node: Node) -> set[str]:
    return {path.name for path in node.app.iterdir()}


def test_an_absent_file_is_made_for_root_alone(node: Node) -> None:
    assert node.answer(env(node.app, b"A=1\n")) == {"code": "OK", "detail": ""}
    assert (node.app / ".env").read_bytes() == b"A=1\n"
    assert stat.S_IMODE((node.app / ".env").stat().st_mode) == 0o600
    assert names(node) == {".env"}


def test_a_merge_keeps_owner_mode_and_acl(node: Node, live: Path) -> None:
    os.chown(live, 1000, 1001)
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, permission, who)
        for tag, permission, who in (
            *((1, 6, 0xFFFFFFFF), (2, 4, 1234), (4, 4, 0xFFFFFFFF)),
            *((16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)),
        )
    )
    os.setxattr(live, "system.posix_acl_access", acl)
    before = live.stat()
    assert node.answer(env(node.app, b"A=1\n")) == {"code": "OK", "detail": ""}
    after = live.stat()
    assert live.read_bytes() == SECRET + b"A=1\n"
    assert (after.st_uid, after.st_gid, after.st_mode) == (1000, 1001, before.st_mode)
    assert os.getxattr(live, "system.posix_acl_access") == acl
    assert after.st_mtime_ns > before.st_mtime_ns
    assert names(node) == {".env"}
    assert not (node.state / "env.journal").exists()


def test_what_is_as_wanted_is_not_touched(node: Node, live: Path) -> None:
    before = live.stat()
    assert node.answer(env(node.app, b"A=0\n")) == {"code": "SAME", "detail": ""}
    assert (live.stat().st_mtime_ns, live.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize(
    ("lines", "words", "code"),
    [
        (b"K2_NODE_SECRET=1\n", (), "EPROTECTED"),
        (b"k2_node_secret=1\n", (), "EPROTECTED"),
        (b"A=1\nMINE=1\n", ("OTHER,MINE",), "EPROTECTED"),
        (b"COMPOSE_FILE=x\n", (), "EPROTECTED"),
        (b"A=$(id)\n", (), "EDIRECTIVE"),
    ],
)
def test_lines_that_are_refused(
    node: Node, live: Path, lines: bytes, words: tuple[str, ...], code: str
) -> None:
    assert node.code(env(node.app, lines, *words)) == code
    assert live.read_bytes() == SECRET + b"A=0\n"
    assert names(node) == {".env"}


def test_lines_that_did_not_arrive_whole(node: Node, live: Path) -> None:
    short = Command("merge_env", (str(node.app), "99"), b"A=1\n")
    assert node.code(short) == "ESHORT"
    assert (live.read_bytes(), names(node)) == (SECRET + b"A=0\n", {".env"})


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_an_env_that_is_no_plain_file(node: Node, live: Path, kind: str) -> None:
    aside = live.rename(node.root / "aside")
    live.symlink_to(aside) if kind == "link" else os.mkfifo(live)
    assert node.code(env(node.app, b"A=1\n")) == {"link": "ESYMLINK", "fifo": "ENOTREG"}[kind]
    assert aside.read_bytes() == SECRET + b"A=0\n"


def test_a_full_disk(node: Node, small: Path) -> None:
    live = small / ".env"
    live.write_bytes(b"X=" + b"x" * 400_000 + b"\n")
    before = digest(live.read_bytes())
    assert node.code(env(small, b"A=1\n")) == "ENOSPC"
    assert digest(live.read_bytes()) == before
    assert len(list(small.iterdir())) == 1


@pytest.mark.parametrize("tool", ["perl", "python3"])
def test_an_exchange_by_whichever_tool_there_is(dash: Node, tool: str) -> None:
    python = {"python3": f'exec {sys.executable} "$@"'} if tool == "python3" else {}
    node = toolbox(dash, *({"perl", "python3"} - {tool}), **python)
    assert node.answer(env(node.app, b"A=1\n")) == {"code": "OK", "detail": ""}
    assert node.answer(env(node.app, b"A=2\n")) == {"code": "OK", "detail": ""}
    assert (node.app / ".env").read_bytes() == b"A=2\n"


def test_without_an_exchange_the_weaker_promise_is_said(node: Node, live: Path) -> None:
    poor = toolbox(node, "perl", "python3")
    assert poor.answer(env(node.app, b"A=1\n")) == {"code": "OK", "detail": "weak"}
    assert live.read_bytes() == SECRET + b"A=1\n"
    assert names(node) == {".env"}


class Editor(threading.Thread):
    """A person who saves .env again and again, by rename as editors do, and holds no lock."""

    def __init__(self, live: Path, seed: int) -> None:
        super().__init__()
        self.live, self.random = live, random.Random(seed)  # noqa: S311 - a pace, not a secret
        self.edits, self.done = 0, threading.Event()

    def run(self) -> None:
        while not self.done.wait(self.random.uniform(0, 0.1)):
            text = self.live.read_bytes() + b"# edit %d.\n" % self.edits
            draft = self.live.with_name("editor.swp")
            draft.write_bytes(text)
            draft.rename(self.live)
            self.edits += 1

    def lost(self) -> list[int]:
        """The edits so far that are neither in the file nor in a conflict copy beside it."""
        made = self.edits
        kept = b"".join(path.read_bytes() for path in self.live.parent.glob(".env*"))
        return [i for i in range(made) if b"# edit %d." % i not in kept]

    def stop(self) -> None:
        self.done.set()
        self.join()


@contextmanager
def editing(node: Node) -> Iterator[Editor]:
    (node.app / ".env").write_bytes(SECRET)
    editor = Editor(node.app / ".env", seed=1)
    editor.start()
    try:
        yield editor
    finally:
        editor.stop()


@pytest.mark.parametrize("spared", ["", "is_seen ./.env && "], ids=["whole", "always exchanged"])
def test_no_edit_of_another_is_lost(dash: Node, spared: str) -> None:
    """Also without the look that makes an exchange in vain so rare that this would not try it."""
    whole = loader.script_text("merge_env")
    assert f"{spared}trade_env;" in whole
    text = whole.replace(f"{spared}trade_env;", "trade_env;")
    with editing(dash) as editor:
        codes = [dash.code(env(dash.app, b"A=%d\n" % i), text=text) for i in range(20)]
    assert editor.lost() == []
    assert set(codes) <= {"OK", "ECONFLICT", "ERACED"}
    assert "ECONFLICT" in codes  # or the race was none
    assert SECRET in (dash.app / ".env").read_bytes()


def test_control_a_plain_rename_loses_edits(dash: Node) -> None:
    text = loader.script_text("merge_env")
    assert text.count("        swap_env\n") == 1
    text = text.replace("        swap_env\n", '        mv -f "$draft" ./.env\n')
    with editing(dash) as editor:
        codes: list[str] = []
        end = time.monotonic() + 120  # a busy machine lets the two meet seldom
        while time.monotonic() < end and not ("OK" in codes and editor.lost()):
            codes.append(dash.code(env(dash.app, b"A=%d\n" % len(codes)), text=text))
    assert editor.lost() != []
    assert "OK" in codes


def log_shims(node: Node) -> Node:
    """Every tool writes down its words and its environment before it does its work."""
    log = node.root / "log"
    shim = f'{{ echo "$0 $*"; /usr/bin/env; }} >>{log}; exec REAL "$@"'
    return toolbox(node, **{tool: shim for tool in TOOLS if tool not in ("timeout", "false")})


def seen(node: Node, canary: str) -> bool:
    log = (node.root / "log").read_bytes()
    raw = canary.encode()
    forms = (raw, base64.b64encode(raw)[:-4], raw.hex().encode(), quote(canary).encode())
    return any(form in log for form in forms)


CANARY = "canary+7f3a/9c"


def test_values_are_in_no_argument_and_no_environment(node: Node, live: Path) -> None:
    live.write_bytes(b"K2_NODE_SECRET=%s\nA=0\n" % CANARY.encode())
    watched = log_shims(node)
    assert watched.code(env(node.app, b"A=%s-2\n" % CANARY.encode())) == "OK"
    assert watched.code(put(node.app / "file", CANARY.encode())) == "OK"
    assert (node.root / "log").stat().st_size > 1000
    assert not seen(watched, CANARY)


def test_control_a_planted_leak_is_found(dash: Node) -> None:
    watched = log_shims(dash)
    leak = 'id "$(cat "$directives")"\nenv_copy\n'
    leaky = loader.script_text("merge_env").replace("\nenv_copy\n", f"\n{leak}")
    watched.code(env(dash.app, b"A=%s\n" % CANARY.encode()), text=leaky)
    assert seen(watched, CANARY)
