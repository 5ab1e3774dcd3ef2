"""What is read off a living node under every shell: all that describes it, and no secret."""

import base64
import os
from dataclasses import replace
from pathlib import Path

import pytest

from kaitu.core.aspect import Answer
from kaitu.core.living import Living, parse_living, question
from kaitu.remote import loader
from scripts.run import MARK, Node

CANARY = "canary-5d1f"
FILE = b"services:\r\n  a: {image: x}\n\n\n\x00"


@pytest.fixture
def living(bare: Node) -> Node:
    (bare.root / "etc/cron.d").mkdir(parents=True)
    return replace(bare, environ={"KAITU_ROOT": str(bare.root)})


def read(node: Node) -> Living:
    answer = node.answer(question("/app"))["fragments"]["read_deployment"]
    out = base64.b64decode(answer["out"])
    assert CANARY.encode() not in out
    return parse_living({"read_deployment": Answer(answer["rc"], out)})


def env(node: Node, text: str) -> Living:
    (node.app / ".env").write_text(text)
    return read(node)


def test_an_empty_node(living: Node) -> None:
    assert read(living) == Living("absent", {}, (), {})
    assert not living.state.exists()


def test_the_file_comes_byte_for_byte(living: Node) -> None:
    (living.app / "docker-compose.yml").write_bytes(FILE)
    assert read(living).file == FILE


def test_a_file_that_is_too_long_or_none_is_not_read(living: Node) -> None:
    file = living.app / "docker-compose.yml"
    file.write_bytes(b"x" * 262145)
    assert read(living).file == "long"
    file.unlink()
    file.symlink_to("/etc/passwd")
    assert read(living).file == "unsafe"
    file.unlink()
    file.mkdir()
    assert read(living).file == "unsafe"


def test_a_directory_behind_a_symlink_is_not_followed(living: Node) -> None:
    (living.app / "docker-compose.yml").write_bytes(FILE)
    (living.app / ".env").write_text("K2V4_PORT=443\n")
    living.app.rename(living.root / "real")
    living.app.symlink_to(living.root / "real")
    assert read(living) == Living("unsafe", {}, (), {})


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("K2V4_PORT=443", "443"),
        ("K2OC_ENABLED='true'", "true"),
        ('K2_DOMAIN="*.example.com"', "*.example.com"),
        ("export K2_LOG_LEVEL=info # as told", "info"),
        ("K2_NODE_BILLING_START_DATE=2026-01-31", "2026-01-31"),
        ("K2_NODE_TRAFFIC_LIMIT_GB=0", "0"),
    ],
)
def test_what_can_be_no_secret_is_read(living: Node, line: str, value: str) -> None:
    found = env(living, f"{line}\n")
    assert (list(found.values.values()), found.names) == ([value], ())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"K2_RADIUS_KEY={CANARY}", ["K2_RADIUS_KEY"]),
        (f"K2_CENTER_URL=https://center.example.com/{CANARY}", ["K2_CENTER_URL"]),
        (f"K2_LOG_LEVEL={CANARY}", ["K2_LOG_LEVEL"]),
        (f"K2V4_PORT='443 {CANARY}'", ["K2V4_PORT"]),
        (f"K2V4_PORT=443\t{CANARY}", ["K2V4_PORT"]),
        (f"K2V4_PORT=443\nK2V4_PORT={CANARY}", ["K2V4_PORT"]),
        (f"K2_DOMAIN='a.example\n{CANARY}.org'", ["K2_DOMAIN"]),
        (f"K2_NODE_SECRET={CANARY}", []),
        (f"password: {CANARY}", []),
        (f"{CANARY}", []),
        (f"{CANARY}==", []),
        (f"K2_LOG_LEVEL='info\nX={CANARY}", ["K2_LOG_LEVEL"]),
        ("K2_LOG_LEVEL=${OTHER}", ["K2_LOG_LEVEL"]),
    ],
)
def test_what_could_be_a_secret_stays(living: Node, text: str, names: list[str]) -> None:
    found = env(living, f"{text}\n")
    assert (found.values, list(found.names)) == ({}, names)


def test_many_names_and_few_values_in_one_file(living: Node) -> None:
    lines = "".join(f"NAME_{number}=x\n" for number in range(300))
    found = env(living, f"{lines}")
    assert len(found.names) == 200


def test_only_cron_files_of_ours_are_read(living: Node) -> None:
    folder = living.root / "etc/cron.d"
    ours = MARK + b"@daily root /bin/true\n"
    (folder / "kaitu-ours").write_bytes(ours)
    (folder / "kaitu-foreign").write_text(f"@daily root x {CANARY}\n")
    (folder / "kaitu-long").write_bytes(MARK + b"#" * 5000)
    (folder / "kaitu-link").symlink_to(folder / "kaitu-ours")
    assert read(living).cron == {"kaitu-ours": ours}


def test_nothing_is_written(living: Node) -> None:
    env(living, "K2V4_PORT=443\n")
    before = _seen(living.root)
    read(living)
    assert _seen(living.root) == before


def _seen(root: Path) -> dict[str, tuple[int, int]]:
    paths = [Path(place) / name for place, dirs, files in os.walk(root) for name in dirs + files]
    stats = {str(path): path.lstat() for path in paths}
    return {path: (one.st_mtime_ns, one.st_ctime_ns) for path, one in stats.items()}


FORM = ' && read_formed "$name" "$value"'
CONTROLS = (
    ((FORM,), f"K2_LOG_LEVEL={CANARY}\n"),
    ((FORM, "key in wanted && "), f"K2_RADIUS_KEY={CANARY}\n"),
    (("key !~ /^[A-Z][A-Z0-9_]*$/ || ",), f"{CANARY}==\n"),
)


@pytest.mark.parametrize(("guards", "text"), CONTROLS)
def test_without_its_guards_a_secret_would_leave(
    living: Node, guards: tuple[str, ...], text: str
) -> None:
    """The controls: what is looked for above is there to be found."""
    script = loader.script_text("read_deployment")
    for guard in guards:
        assert guard in script
        script = script.replace(guard, "")
    (living.app / ".env").write_text(text)
    answer = living.answer(question("/app"), text=script)["fragments"]["read_deployment"]
    assert CANARY.encode() in base64.b64decode(answer["out"])


@pytest.mark.parametrize(
    ("line", "read_"),
    [
        ("K2_NODE_SECRET: {}", False),
        ("  \"K2_NODE_SECRET\" : '{}'", False),
        ("- K2_NODE_SECRET={}", False),
        ("- k2_node_secret={}", False),
        ("K2_NODE_SECRET: ${{K2_NODE_SECRET:?is required}}", True),
        ("- K2_NODE_SECRET=$K2_NODE_SECRET", True),
        ("- K2_NODE_SECRET", True),
        ("- MY_K2_NODE_SECRET=x", True),
    ],
)
def test_a_file_that_sets_the_secret_itself_stays(living: Node, line: str, read_: bool) -> None:
    text = f"services:\n  a:\n    environment:\n      {line.format(CANARY)}\n"
    (living.app / "docker-compose.yml").write_text(text)
    assert read(living).file == (text.encode() if read_ else "secret")
