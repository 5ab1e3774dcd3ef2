"""Killed at any moment, a write leaves the old file or the new one, no lock, and nothing to mend.

At random moments in three shells (KAITU_KILLS per shell, KAITU_SEED repeats a run), and at the
calls of tools, one after the other.
"""

import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from kaitu.core.command import Command
from kaitu.remote import loader
from scripts.run import TOOLS, Node, env, put, toolbox

KILLS = int(os.environ.get("KAITU_KILLS", "50"))
SEED = int(os.environ.get("KAITU_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
FOREIGN = b'\xef\xbb\xbfX="a\r\nb" # c\r\nK2_NODE_SECRET=do-not-touch\r\nLAST=1'
OLD = b"old\n" * 9000


def env_with(value: int) -> bytes:
    return FOREIGN.replace(b"LAST", b"A='%d'\r\nLAST" % value)


def rights(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return (status.st_mode, status.st_uid, status.st_gid)


def kill_in(node: Node, command: Command, delay: float) -> bool:
    """Kill the whole process group after that long; True if it was still at work."""
    process = node.start(command)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return process.returncode != 0


def writes(node: Node, value: int) -> tuple[tuple[Path, Command, bytes], ...]:
    """A write of each kind: its file, the command, and what the file is afterwards."""
    content = b"%d\n" % value * 9000
    env_file, file = node.app / ".env", node.app / "file"
    return (
        (env_file, env(node.app, b"A='%d'\n" % value), env_with(value)),
        (file, put(file, content), content),
    )


def test_killed_at_random_moments(node: Node) -> None:
    print(f"KAITU_SEED={SEED} KAITU_KILLS={KILLS}")
    moments = random.Random(f"{SEED} {node.shell}")  # noqa: S311 - moments, not secrets
    (node.app / ".env").write_bytes(env_with(0))
    (node.app / ".env").chmod(0o640)
    (node.app / "file").write_bytes(OLD)
    landed = value = 0
    while landed < KILLS:
        value += 1
        path, command, after = writes(node, value)[moments.randrange(2)]
        before, mode = path.read_bytes(), rights(path)
        landed += kill_in(node, command, moments.uniform(0.005, 0.08))
        assert path.read_bytes() in (before, after)
        assert rights(path) == mode
    for path, command, after in writes(node, value + 1):
        assert node.code(command) == "OK"
        assert path.read_bytes() == after
    assert {path.name for path in node.app.iterdir()} == {".env", "file"}


def killing(node: Node) -> Node:
    """One call of a tool, whose number is in the file `fatal`, kills the whole process group."""
    shim = (
        f"printf x >>{node.root}/calls; read -r calls <{node.root}/calls; "
        f"read -r fatal <{node.root}/fatal; "
        f'[ "${{#calls}}" -ne "$fatal" ] || kill -9 0; exec REAL "$@"'
    )
    return toolbox(node, **{tool: shim for tool in TOOLS if tool not in ("timeout", "false")})


@pytest.mark.parametrize("which", [0, 1], ids=["merge_env", "put_file"])
def test_killed_at_every_call_of_a_tool(dash: Node, which: int) -> None:
    stride = 1 if KILLS > 50 else 5  # in a short run every fifth, others each time
    victim, fatal, died = killing(dash), -SEED % stride, True
    path, command, after = writes(dash, 1)[which]
    while died:
        fatal += stride
        (dash.root / "fatal").write_text(f"{fatal}\n")
        (dash.root / "calls").write_text("")
        (dash.app / ".env").write_bytes(env_with(0))
        (dash.app / "file").write_bytes(OLD)
        before = path.read_bytes()
        died = kill_in(victim, command, 30)
        assert path.read_bytes() in (before, after), f"killed at call {fatal}"
        assert dash.code(command) in ("OK", "SAME"), f"after a kill at call {fatal}"
        assert path.read_bytes() == after
        assert {path.name for path in dash.app.iterdir()} == {".env", "file"}
    assert fatal > 15


def test_an_edit_caught_between_exchange_and_comparison_comes_back(node: Node) -> None:
    """A person saves just before the exchange, and the script dies just after it."""
    live, edit = node.app / ".env", env_with(0) + b"\r\n# mine"
    live.write_bytes(env_with(0))
    node.start(env(node.app, b"A=1\n"), text=kill_after_exchange(edit)).communicate(timeout=60)
    assert live.read_bytes() == env_with(0).replace(b"'0'", b"1")
    assert (node.app / ".kaitu-swap.env").read_bytes() == edit
    assert node.answer(env(node.app, b"A=2\n")) == {"code": "OK", "detail": "conflict"}
    assert live.read_bytes() == edit.replace(b"'0'", b"2")
    (copy,) = node.app.glob(".env.kaitu-conflict.*")
    assert {path.name for path in node.app.iterdir()} == {".env", copy.name}
    assert (copy.read_bytes(), rights(copy)) == (edit, rights(live))


def test_an_edit_that_cannot_come_back_is_kept_beside(node: Node) -> None:
    live, edit, later = node.app / ".env", env_with(0) + b"\r\n# mine", b"LATER=1\n"
    live.write_bytes(env_with(0))
    node.start(env(node.app, b"A=1\n"), text=kill_after_exchange(edit)).communicate(timeout=60)
    live.write_bytes(later)
    assert node.answer(env(node.app, b"A=2\n")) == {"code": "OK", "detail": "conflict"}
    assert live.read_bytes() == later + b"A=2\n"
    (copy,) = node.app.glob(".env.kaitu-conflict.*")
    assert copy.read_bytes() == edit


def kill_after_exchange(edit: bytes) -> str:
    """The script, with an edit that comes at the worst moment and a kill at the next one."""
    text = loader.script_text("merge_env")
    moment = '    if exchange "$SWAP" ./.env; then\n'
    assert text.count(moment) == 1
    octal = "".join(f"\\{byte:03o}" for byte in edit)
    late = f"printf '{octal}' >./editor && mv -f ./editor ./.env\n"
    return text.replace(moment, f"    {late}{moment}        kill -9 $$\n")


@pytest.mark.parametrize("kind", ["fifo", "link"])
def test_a_swap_file_that_is_none_is_neither_read_nor_followed(node: Node, kind: str) -> None:
    swap, other = node.app / ".kaitu-swap.env", node.root / "other"
    other.write_bytes(OLD)
    os.mkfifo(swap) if kind == "fifo" else swap.symlink_to(other)
    refused = {"code": "ENOTREG", "detail": ".kaitu-swap.env"}
    assert node.answer(env(node.app, b"A=1\n")) == refused
    assert (other.read_bytes(), {path.name for path in node.app.iterdir()}) == (OLD, {swap.name})
