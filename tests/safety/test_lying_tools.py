"""A tool that prints help and ends well is the quietest liar; no write may be built on it.

Whichever tool of the node lies, a file of ours is then as it was, or exactly as wanted, and what
is not ours has not moved: above all the node's secret.
"""

import subprocess

import pytest

from kaitu.core.command import Command
from scripts.run import TOOLS, Node, env, put, toolbox, without

HELP = "echo 'Usage: tool [OPTIONS]'; exit 0"
SECRET = b"K2_NODE_SECRET=do-not-touch\n"
OLD = b"A=0\nB=1\n"
NEW = b"A=1\nB=1\n"
SEVERAL = sorted({*TOOLS} - {"ip", "id", "df", "uname", "perl"})  # not used where we write


def lies(node: Node, tool: str, command: Command, text: str = "") -> bytes:
    process = toolbox(node, **{tool: HELP}).start(command, text=text)
    out, _ = process.communicate(timeout=60)
    return bytes(out)


@pytest.mark.parametrize("secret", [SECRET, b""], ids=["secret", "no secret"])
@pytest.mark.parametrize("tool", SEVERAL)
def test_env_is_old_or_new(dash: Node, tool: str, secret: bytes) -> None:
    live = dash.app / ".env"
    live.write_bytes(secret + OLD)

    out = lies(dash, tool, env(dash.app, b"A=1\n"))

    assert live.read_bytes() in {secret + OLD, secret + NEW}
    if live.read_bytes() == secret + OLD:
        assert b'"code":"OK"' not in out
        assert b'"code":"SAME"' not in out


@pytest.mark.parametrize("tool", SEVERAL)
def test_a_file_is_old_or_new(dash: Node, tool: str) -> None:
    path = dash.app / "docker-compose.yml"
    path.write_bytes(OLD)

    out = lies(dash, tool, put(path, NEW))

    assert path.read_bytes() in {OLD, NEW}
    if path.read_bytes() == OLD:
        assert b'"code":"OK"' not in out


AWK = "[ \"$(echo a b | awk '{ print $2 }')\" = b ] || finish ESELFTEST awk\n"
FLOCK = "finish ESELFTEST flock"


def test_a_lying_awk_is_found_out(dash: Node) -> None:
    live = dash.app / ".env"
    live.write_bytes(SECRET + OLD)
    assert b"ESELFTEST" in lies(dash, "awk", env(dash.app, b"A=1\n"))
    assert live.read_bytes() == SECRET + OLD


def test_the_lie_itself(dash: Node) -> None:
    """The control of the test above: this is what the self-test prevents."""
    live = dash.app / ".env"
    live.write_bytes(SECRET + OLD)
    lies(dash, "awk", env(dash.app, b"A=1\n"), text=without("merge_env", AWK))
    assert live.read_bytes().startswith(b"Usage: tool")


@pytest.mark.parametrize(("guards", "written"), [((), False), ((FLOCK,), True)])
def test_a_lock_that_locks_nothing_is_no_lock(
    dash: Node, guards: tuple[str, ...], written: bool
) -> None:
    """Another holds it: a flock that lies lets us in, unless it is asked what it must refuse."""
    path = dash.app / "file"
    with (dash.state / "lock").open("a") as lock:
        subprocess.run(["flock", str(lock.fileno())], check=True, pass_fds=(lock.fileno(),))
        lies(dash, "flock", put(path, NEW), text=without("put_file", *guards))
    assert path.exists() is written
