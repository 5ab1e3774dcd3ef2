"""probe_env.sh under every shell: what it says of a .env, and that it never says a value."""

import base64
import shutil
from pathlib import Path

import pytest

from aspects import fragments
from aspects.fragments import Shell, write
from kaitu.aspects import env
from kaitu.core.facts import EnvFacts

CANARY = "canary-77b0"
SECRET = "K2_NODE_SECRET=s\n"


def asked(**values: str) -> bytes:
    return ("/apps\n" + "".join(f"{name}={value}\n" for name, value in values.items())).encode()


def probed(shell: Shell, root: Path, text: str | bytes | None, **values: str) -> EnvFacts:
    """The facts of a .env with this text, when ``values`` are wanted."""
    (root / "apps").mkdir(exist_ok=True)
    if text is not None:
        (root / "apps/.env").write_bytes(text.encode() if isinstance(text, str) else text)
    return env.parse({"env": shell.probe("env", asked(**values), root)}, {})


SAME = {
    "A=x": "x",
    "A=": "",
    "A": None,
    "A=\n": "",
    "A=''": "",
    'A=""\n': "",
    "A=0": "0",
    "A=0\n#": "0",
    "A=00": "00",
    "A=1e1": "1e1",
    "A=x=y": "x=y",
    "A: x": "x",
    " export  A = x \t": "x",
    "export\tA=x": "x",
    "\ufeffA=x\n": "x",
    "A=x\r\nB=2\r\n": "x",
    "A='x'\r\n": "x",
    "A=x # note": "x",
    "A=x#note": "x#note",
    "A=x\t# note": "x\t# note",
    "A= # note": "# note",
    "A='x # y' # note": "x # y",
    'A="x y"  ': "x y",
    "A='$B \" `'": '$B " `',
    "A='  x '": "  x ",
    "A=it's": "it's",
    "A='ключ é'": "ключ é",
    "B='\nA=y\n'\nA=x": "x",
    "B=\"\\\"\nA=y\"\nA=x": "x",
    "# A=y\nA=x": "x",
    "B=\"A=y\nA=x": None,
}  # fmt: skip


@pytest.mark.parametrize("text", [text for text, value in SAME.items() if value is not None])
def test_what_compose_reads_is_what_counts(shell: Shell, root: Path, text: str) -> None:
    value = SAME[text]
    assert value is not None

    assert probed(shell, root, text, A=value).states == {"A": "same"}
    assert probed(shell, root, text, A=f"{value}!").states == {"A": "differs"}


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("", "missing"),
        ("A", "missing"),
        ("#A=x", "missing"),
        ("AA=x\nA_=x\nB='A=x'", "missing"),
        ("a=x", "missing"),
        ("A=x\nA=x", "duplicate"),
        ("A=y\nexport A: x", "duplicate"),
        ("A='x\n'", "multiline"),
        ("B='\n'A=x", "multiline"),
        ("A='x' B=2", "multiline"),
        ("B='2' A=x", "multiline"),
        ("A=x$B", "differs"),
        ("A=\\x", "differs"),
        ('A="\\x"', "differs"),
        ('A="$x"', "differs"),
        ("A=\u00e9", "differs"),
        ("A='x", "unknown"),
        ('A=x\nB="', "unknown"),
        ("A=x\0", "unknown"),
    ],
)
def test_the_state_of_a_name(shell: Shell, root: Path, text: str, state: str) -> None:
    assert probed(shell, root, text, A="x").states == {"A": state}


@pytest.mark.parametrize("text", ["A=$x", 'A="$x"', 'A="a$x"', "A=${x}"])
def test_what_compose_expands_is_written_anew(shell: Shell, root: Path, text: str) -> None:
    raw = text.removeprefix("A=").strip('"')

    assert probed(shell, root, text, A=raw).states == {"A": "differs"}
    assert probed(shell, root, f"A='{raw}'", A=raw).states == {"A": "same"}


def test_nothing_is_taken_for_a_number(shell: Shell, root: Path) -> None:
    facts = probed(shell, root, "A=1.0\nB=0x10\nC=+1\nD=\nE=1", A="1", B="16", C="1", D="0", E="1")

    assert list(facts.states.values()) == ["differs"] * 4 + ["same"]


def test_without_a_file_everything_is_missing(shell: Shell, root: Path) -> None:
    assert probed(shell, root, None, A="", B="x") == EnvFacts(
        present=False, states={"A": "missing", "B": "missing"}
    )


def test_without_wishes_the_secret_is_looked_for_all_the_same(shell: Shell, root: Path) -> None:
    assert probed(shell, root, SECRET) == EnvFacts(present=True, protected_present=True)


def test_an_open_quote_makes_everything_unknown(shell: Shell, root: Path) -> None:
    facts = probed(shell, root, f"{SECRET}A=x\nB='", A="x")

    assert facts.unclosed
    assert not facts.in_sync


def test_a_link_a_folder_and_a_giant_are_not_read(shell: Shell, root: Path) -> None:
    write(root, {"elsewhere": f"A=x\n{SECRET}"})
    path = root / "apps/.env"
    path.parent.mkdir()
    expected = EnvFacts(present=True, states={"A": "unknown"}, readable=False)

    path.symlink_to(root / "elsewhere")
    assert probed(shell, root, None, A="x") == expected
    path.unlink()
    path.mkdir()
    assert probed(shell, root, None, A="x") == expected
    path.rmdir()
    assert probed(shell, root, "A=x\n" * 300_000, A="x") == expected


@pytest.mark.parametrize(
    ("text", "present"),
    [
        (SECRET, True),
        ("export K2_NODE_SECRET: 's'", True),
        ("K2_NODE_SECRET=s\nK2_NODE_SECRET=", False),
        ("K2_NODE_SECRET=", False),
        ("K2_NODE_SECRET=''", False),
        ('K2_NODE_SECRET="" # s', False),
        ("K2_NODE_SECRET", False),
        ("#K2_NODE_SECRET=s", False),
        ("B='\nK2_NODE_SECRET=s\n'", False),
        ("k2_node_secret=s", False),
        ("K2_NODE_SECRET=$B", False),
        ('K2_NODE_SECRET="${B}$C"\nC=', False),
        ("B=1\nK2_NODE_SECRET=${B}", True),
        ("K2_NODE_SECRET=a$B", True),
        ("K2_NODE_SECRET='$B'", True),
        ("", False),
    ],
)
def test_the_secret_is_there_or_not(shell: Shell, root: Path, text: str, present: bool) -> None:
    assert probed(shell, root, text).protected_present is present


def test_names_that_steer_compose_are_told(shell: Shell, root: Path) -> None:
    text = "COMPOSE_FILE=x\nexport COMPOSE_FILE=y\nB='\nCOMPOSE_X=1'\nB='' COMPOSE_PROFILES=z\n"

    assert probed(shell, root, text).compose_names == ("COMPOSE_FILE", "COMPOSE_PROFILES")


def test_no_value_ever_comes_back(shell: Shell, root: Path) -> None:
    lines = [
        f"K2_NODE_SECRET={CANARY}",
        f"A={CANARY}",
        f"B='{CANARY}'",
        f'C="{CANARY}\n{CANARY}"',
        f"COMPOSE_FILE={CANARY}",
        f"{CANARY}",
        f"!{CANARY}=1",
        f"COMPOSE_{CANARY}=1",
        f"D='{CANARY}",
    ]
    write(root, {"apps/.env": "\n".join(lines)})

    out = shell.probe("env", asked(A=CANARY, B="x", C="x"), root).out

    encoded = base64.b64encode(CANARY.encode()).rstrip(b"=")
    assert CANARY.encode() not in out
    assert encoded[:-2] not in out
    assert CANARY.encode().hex().encode() not in out


def spied(shell: Shell, folder: Path) -> Shell:
    """The same shell with tools that write down what anybody on the node could see of them.

    A spy calls the real tools by absolute path: by name it would call spies without end.
    """
    spies, log = folder / "spies", folder / "log"
    spies.mkdir()
    for tool in fragments.APPLETS:
        real = shutil.which(tool, path=shell.path)
        assert real
        path = spies / tool
        path.write_text(
            f"#!/bin/sh\n/usr/bin/cat /proc/$$/cmdline /proc/$$/environ >>{log}\n"
            f'exec {real} "$@"\n'
        )
        path.chmod(0o755)
    return Shell(shell.name, str(spies))


def test_no_value_is_an_argument_or_in_an_environment(
    shell: Shell, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("spied")
    write(root, {"apps/.env": f"A={CANARY}\n{SECRET}"})

    answer = spied(shell, folder).probe("env", asked(A=CANARY), root)

    seen = (folder / "log").read_bytes().decode()
    assert "state\tA\tsame\n" in answer.out.decode()
    assert "awk" in seen  # the spies were there
    assert CANARY not in seen
