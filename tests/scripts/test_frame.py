"""The answer is one valid frame or none; tools that are missing or lie are said, not believed."""

import subprocess
from pathlib import Path

import pytest

from kaitu.core.command import Command
from kaitu.core.text import digest
from kaitu.remote import loader
from scripts.run import FRAME, GUARD, NONCE, Node, joined, put, toolbox, unframe

HOST = joined("frame.sh", "probe_host.sh", "probe.sh")
LOOK = Command("probe", ("host:2",), b"/\n")


def test_a_probe_answers_in_one_frame(bare: Node) -> None:
    assert set(bare.answer(LOOK, text=HOST)["fragments"]) == {"host"}


@pytest.mark.parametrize("tool", ["base64", "mktemp", "stat", "timeout"])
def test_a_probe_names_the_missing_tool(bare: Node, tool: str) -> None:
    assert toolbox(bare, tool).answer(LOOK, text=HOST) == {"code": "ENOTOOL", "detail": tool}


@pytest.mark.parametrize("tool", ["flock", "dd", "od"])
def test_a_write_names_the_missing_tool(node: Node, tool: str) -> None:
    wanted = put(node.app / "file", b"x")
    assert toolbox(node, tool).answer(wanted) == {"code": "ENOTOOL", "detail": tool}
    assert not (node.app / "file").exists()


@pytest.mark.parametrize(
    ("tool", "says"),
    [("base64", "echo ok"), ("timeout", "exit 0"), ("timeout", "exit 127")],
)
def test_a_lying_tool_is_said(bare: Node, tool: str, says: str) -> None:
    expected = {"code": "ESELFTEST", "detail": tool}
    assert toolbox(bare, **{tool: says}).answer(LOOK, text=HOST) == expected


def test_a_lying_sha256sum_cannot_seal_a_frame(bare: Node) -> None:
    process = toolbox(bare, sha256sum=f"echo {'0' * 64}  -").start(LOOK, text=HOST)
    out, _ = process.communicate(timeout=60)
    found = FRAME.fullmatch(out)
    assert found
    assert found["payload"] == b'{"code":"ESELFTEST","detail":"sha256sum"}'
    with pytest.raises(AssertionError):
        unframe(out)


def test_a_flock_without_the_options_is_not_taken_for_busy(node: Node) -> None:
    wanted = put(node.app / "file", b"x")
    assert toolbox(node, flock="exit 1").code(wanted) == "ELOCK"


def test_a_script_that_did_not_arrive_whole_does_not_run(bare: Node) -> None:
    command = Command("claim", ("-",))
    line = loader.argv(command, NONCE, GUARD, sudo=False)
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        input=loader.payload(command)[:-1],
        capture_output=True,
        env=bare.environment(),
        check=False,
    )
    assert (done.returncode, done.stdout) == (loader.BAD_SCRIPT, b"")
    assert not bare.state.exists()


def test_data_of_a_fragment_that_did_not_arrive_whole(bare: Node) -> None:
    short = Command("probe", ("host:9",), b"/\n")
    assert bare.answer(short, text=HOST) == {"code": "ESHORT", "detail": "host"}


def test_an_unknown_fragment_is_refused(bare: Node) -> None:
    command = Command("probe", ("nothing:0",))
    assert bare.answer(command, text=HOST) == {"code": "EARG", "detail": "nothing"}


def test_a_fragment_that_fails_is_told_by_its_exit_code(bare: Node) -> None:
    text = joined("frame.sh") + "probe_host() { echo half; return 7; }\n" + joined("probe.sh")
    answer = bare.answer(LOOK, text=text)
    assert answer["fragments"]["host"] == {"rc": 7, "out": "aGFsZgo="}


def test_data_are_not_read_beyond_their_size(bare: Node) -> None:
    text = (
        joined("frame.sh") + "probe_host() { cat; }; probe_env() { cat; }\n" + joined("probe.sh")
    )
    command = Command("probe", ("host:5", "env:6000", "host:3"), b"ab\n\nc" + b"x" * 6000 + b"end")
    found = bare.answer(command, text=text)["fragments"]
    assert found["host"]["out"] == "ZW5k"
    assert len(found["env"]["out"]) == 8000


def test_a_probe_writes_nothing(bare: Node, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    bare.answer(LOOK, text=HOST)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_line_is_fixed_text_and_plain_words() -> None:
    line = loader.argv(put(Path("/opt/a_b"), b"secret"), NONCE, GUARD, sudo=True)
    words = (*GUARD, "/opt/a_b", "644", digest(b"secret"), "6", "any")
    assert line.startswith(f"sudo -n -- timeout -k 5 30 sh -c '{loader.LOADER}' kaitu '")
    assert line.endswith(" ".join(f"'{word}'" for word in words))
    assert "'" not in loader.LOADER
