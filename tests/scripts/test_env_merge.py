"""The merge of .env as text, against an oracle that works another way."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts import dotenv
from scripts.run import SCRIPTS

AWKS = {"awk": "awk", "busybox": "busybox awk"}
SH = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "sh"]}
PROGRAM = f"""
LC_ALL=C; export LC_ALL
why() {{ echo EWRITE; }}
. {SCRIPTS}/env_merge.sh
protected=$1
shift
awk() {{ command $AWK "$@"; }}
for place in "$@"; do
    cd "$place" || exit
    if merge_env live directives out; then echo OK; else echo "$code"; fi
done
"""
Case = tuple[bytes | None, bytes]  # the text, and the lines that are wanted in it


def laid_out(place: Path, case: Case) -> str:
    text, lines = case
    place.mkdir()
    if text is not None:
        (place / "live").write_bytes(text)
    (place / "directives").write_bytes(lines)
    return str(place)


def merge(
    cases: Sequence[Case], shell: str = "dash", awk: str = "awk", more: str = ""
) -> list[bytes | str]:
    """For each case, all in one shell: the merged text, or the code of the refusal."""
    with TemporaryDirectory() as root:
        places = [laid_out(Path(root) / str(n), case) for n, case in enumerate(cases)]
        done = subprocess.run(
            [*SH[shell], "-c", PROGRAM, "sh", more, *places],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "AWK": AWKS[awk]},
            capture_output=True,
            text=True,
            check=True,
        )
        codes = done.stdout.splitlines()
        return [
            (Path(place) / "out").read_bytes() if code == "OK" else code
            for place, code in zip(places, codes, strict=True)
        ]


def expected(text: bytes, wanted: dict[bytes, bytes]) -> bytes | str:
    try:
        return dotenv.merged(text, wanted)
    except dotenv.Refused as refused:
        return str(refused)


NAMES = ["A", "B", "K2_NODE_SECRET"]
PIECES = st.sampled_from(
    (
        *(*NAMES, "A=", "B=", "A=1\n", 'A="', "B='\n", "export ", "=", ":", "x", " ", "\t", "\f"),
        *("\\", "#", " #", '"', "'", "\n", "\r\n", "\n", "é", "[0]", "-", "$"),
    )
)
TEXTS = st.builds(
    lambda bom, pieces: (bom + "".join(pieces)).encode(),
    st.sampled_from(["", "", "\ufeff"]),
    st.lists(PIECES, max_size=14),
)
VALUES = st.sampled_from([b"", b"1", b"x/y:z,1", b"''", b"'a b'", b"'$\"#&='", b"'\xc3\xa9 '"])
WANTED = st.dictionaries(st.sampled_from([b"A", b"B", b"NEW"]), VALUES, min_size=1)


@pytest.mark.parametrize(("shell", "awk"), [("dash", "awk"), ("busybox", "busybox")])
@settings(max_examples=80, deadline=None)
@given(text=TEXTS, wanted=WANTED)
def test_the_merge_is_what_the_oracle_says(
    shell: str, awk: str, text: bytes, wanted: dict[bytes, bytes]
) -> None:
    lines = b"".join(name + b"=" + value + b"\n" for name, value in wanted.items())
    assert merge([(text, lines)], shell, awk) == [expected(text, wanted)]


CASES: list[tuple[str, bytes | None, bytes, bytes | str]] = [
    ("no file", None, b"A=1\n", b"A=1\n"),
    ("empty file", b"", b"A=1\nB=2\n", b"A=1\nB=2\n"),
    ("nothing wanted", b"X=1", b"", b"X=1"),
    ("in its place", b"X=1\nA=0\nY=2\n", b"A=1\n", b"X=1\nA=1\nY=2\n"),
    ("no last newline, in its place", b"X=1\nA=0", b"A=1\n", b"X=1\nA=1"),
    ("no last newline, added", b"X=1", b"A=1\n", b"X=1\nA=1\n"),
    ("the last of duplicates stays", b"A=0\nX=1\nA=2\n", b"A=1\n", b"X=1\nA=1\n"),
    ("CRLF", b"X=1\r\nA=0\r\n", b"A=1\nB=2\n", b"X=1\r\nA=1\r\nB=2\r\n"),
    ("BOM", b"\xef\xbb\xbfA=0\nA=2\n", b"A=1\n", b"\xef\xbb\xbfA=1\n"),
    ("export and indent", b"  export  A=0 # note\n", b"A=1\n", b"  export  A=1\n"),
    ("YAML style", b"A: 0\n", b"A=1\n", b"A=1\n"),
    ("space before =", b"A  =0\n", b"A=1\n", b"A=1\n"),
    ("comments", b"#A=0\n# K2_NODE_SECRET\n", b"A=1\n", b"#A=0\n# K2_NODE_SECRET\nA=1\n"),
    (
        "names that begin alike",
        b"AA=0\nA_=1\nexportA=2\n",
        b"A=1\n",
        b"AA=0\nA_=1\nexportA=2\nA=1\n",
    ),
    ("Latin-1", b"X=\xe9\n", b"A='\xc3\xa9'\n", b"X=\xe9\nA='\xc3\xa9'\n"),
    ("CR alone ends no line", b"X=1\rA=0\n", b"A=1\n", b"X=1\rA=0\nA=1\n"),
    ("a foreign quote over lines", b'X="1\nY=2"\n', b"A=1\n", b'X="1\nY=2"\nA=1\n'),
    ("escaped quote", b'X="a\\"\nb"\n', b"A=1\n", b'X="a\\"\nb"\nA=1\n'),
    ("odd foreign names", b'1x[0].y-z="\n"\n', b"A=1\n", b'1x[0].y-z="\n"\nA=1\n'),
    ("starts a quote over lines", b'A="1\n2"\n', b"A=1\n", "EMULTILINE"),
    ("looks like one inside a quote", b'X="\nA=0\n"\n', b"A=1\n", "EMULTILINE"),
    ("shares the line with another", b'X="1" A=0\n', b"A=1\n", "EMULTILINE"),
    ("shares its line", b"A='1' X=0\n", b"A=1\n", "EMULTILINE"),
    ("a space that does not show", b"\xc2\xa0A=0\n", b"A=1\n", "EMULTILINE"),
    ("export and such a space", b"export\xc2\xa0A=0\n", b"A=1\n", "EMULTILINE"),
    ("a bare last word", b"X=1\nA=0\nword", b"A=1\n", b"X=1\nA=1\nword"),
    ("a line after a bare last word", b"X=1\nword", b"A=1\n", "EMULTILINE"),
    ("never closed", b'X="1\n', b"A=1\n", "EUNCLOSED"),
    ("ours, never closed", b"A='1\n", b"A=1\n", "EUNCLOSED"),
    ("NUL", b"X=\x001\n", b"A=1\n", "ENUL"),
    ("the secret", b"K2_NODE_SECRET=x\n", b"K2_NODE_SECRET=1\n", "EPROTECTED"),
    ("the secret in small letters", b"", b"k2_Node_secret=1\n", "EPROTECTED"),
    ("a name of the policy", b"", b"Mine=1\n", "EPROTECTED"),
    ("what steers compose", b"", b"COMPOSE_FILE=x\n", "EPROTECTED"),
    ("what steers compose, small", b"", b"compose_file=x\n", "EPROTECTED"),
    *[
        (f"bad line {line!r}", b"X=1\n", line, "EDIRECTIVE")
        for line in (
            *(b"A\n", b"=1\n", b"1A=1\n", b"A.B=1\n", b" A=1\n", b"export A=1\n", b"\n"),
            *(b"A=1\nA=2\n", b'A="1"\n', b"A='1\n", b"A='a'b'\n", b"A='\\'\n", b"A=a b\n"),
            *(b"A=$X\n", b"A='1\r'\n", b"A=1\r\n", b"A=1#\n"),
        )
    ],
]


@pytest.mark.parametrize("shell", SH)
def test_cases(shell: str) -> None:
    awk = "busybox" if shell == "busybox" else "awk"
    got = merge([case[1:3] for case in CASES], shell, awk, "OTHER,MINE")
    wrong = {case[0]: given for case, given in zip(CASES, got, strict=True) if given != case[3]}
    assert wrong == {}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case[0])
        for case in CASES
        if case[3] not in ("EPROTECTED", "EDIRECTIVE")
    ],
)
def test_the_oracle_agrees(case: tuple[str, bytes | None, bytes, bytes | str]) -> None:
    _, text, lines, result = case
    pairs = [line.split(b"=", 1) for line in lines.splitlines()]
    assert expected(text or b"", dict(pairs)) == result
