"""What a node remembers of its releases, as told under every shell; no Docker is needed."""

import base64
import fcntl
import hashlib
import os
import time

import pytest

from kaitu.core.command import Command
from scripts.run import Node, joined, toolbox

LINES = b"K2_DOMAIN='*.example.com'\nK2_LOG_LEVEL=info\n"
FILE = b"services: {}\n"
SHA = hashlib.sha256(FILE).hexdigest()
PARTS = ("frame.sh", "fields.sh", "docker.sh", "probe_compose.sh", "probe.sh")


@pytest.fixture
def node(node: Node) -> Node:
    """A node with a key of its own, as a claim makes it."""
    (node.state / "mac.key").write_text(f"{'0' * 63}a\n")
    return node


def answered(node: Node, lines: bytes = LINES) -> bytes:
    data = f"{node.app}\n".encode() + lines
    command = Command("probe", (f"compose:{len(data)}",), data)
    answer = node.answer(command, text=joined(*PARTS))["fragments"]["compose"]
    assert answer["rc"] == 0
    return base64.b64decode(answer["out"])


def asked(node: Node, lines: bytes = LINES) -> dict[str, list[list[str]]]:
    """First field to the rest of the fields, for each line."""
    found: dict[str, list[list[str]]] = {}
    for line in answered(node, lines).decode().splitlines():
        first, *rest = line.split("\t")
        found.setdefault(first, []).append(rest)
    return found


def sealed(node: Node, lines: bytes = LINES) -> str:
    """What the job remembers of the managed lines: a digest under the node's own key."""
    key = (node.state / "mac.key").read_bytes()
    inner = hashlib.sha256(key + lines).hexdigest()
    return hashlib.sha256(key + inner.encode()).hexdigest()


def remember(node: Node, name: str, text: str) -> None:
    (node.state / "job").mkdir(exist_ok=True)
    (node.state / name).write_text(text)


def test_a_result_that_the_job_takes_away_at_that_moment_is_none(node: Node) -> None:
    remember(node, "job/result.up", f"key {sealed(node)} OK - 1\n")
    assert "result" in asked(node)
    gone = toolbox(node, stat='rm -f "$3"; exec REAL "$@"')

    assert "result" not in asked(gone)


def test_a_node_that_knows_nothing(bare: Node) -> None:
    assert asked(bare) == {"dir": [["present"]], "file": [["absent"]], "job": [["idle"]]}
    assert not bare.state.exists()


@pytest.mark.parametrize("kind", ["link", "file", "absent"])
def test_a_directory_that_is_none(node: Node, kind: str) -> None:
    node.app.rmdir()
    if kind == "link":
        node.app.symlink_to(node.root)
    elif kind == "file":
        node.app.write_text("")

    assert asked(node)["dir"] == [["absent" if kind == "absent" else "unsafe"]]


def test_the_compose_file(node: Node) -> None:
    file = node.app / "docker-compose.yml"
    file.write_bytes(FILE)
    remember(node, "record", f"key v1 {SHA} {sealed(node)}\n")
    assert asked(node)["file"] == [[SHA]]
    file.unlink()
    file.symlink_to("/etc/passwd")
    assert asked(node)["file"] == [["unsafe"]]
    file.unlink()
    file.mkdir()
    assert asked(node)["file"] == [["unsafe"]]


def test_the_record_knows_the_managed_lines_again(node: Node) -> None:
    remember(node, "record", f"key v1 {SHA} {sealed(node)}\nk2v5 sha256:aa\nk2-oc sha256:bb\n")

    found = asked(node)

    assert found["record"] == [["key", "v1", SHA, "same"]]
    assert found["service"] == [["k2v5", "sha256:aa"], ["k2-oc", "sha256:bb"]]
    for other in (b"", LINES[:-1], LINES.replace(b"info", b"warn"), LINES + b"X=\n"):
        assert asked(node, other)["record"][0][-1] == "differs"


def test_no_lines_at_all_are_lines_too(node: Node) -> None:
    remember(node, "record", f"key v1 {SHA} {sealed(node, b'')}\n")

    assert asked(node, b"")["record"][0][-1] == "same"
    assert asked(node)["record"][0][-1] == "differs"


@pytest.mark.parametrize("text", ["", "\n", "key v1\n", "key"])
def test_half_a_record_is_none(node: Node, text: str) -> None:
    remember(node, "record", text)

    assert "record" not in asked(node)


def test_what_is_held_and_what_is_pending(node: Node) -> None:
    remember(node, "held", f"name {sealed(node)} EGATE k2-sidecar restored key\n")
    remember(node, "job/pending", "key2\n")

    found = asked(node)

    assert found["held"] == [["name", "same", "EGATE", "k2-sidecar", "restored", "key"]]
    assert found["pending"] == [["key2"]]
    assert asked(node, b"")["held"] == [
        ["name", "differs", "EGATE", "k2-sidecar", "restored", "key"]
    ]


def test_how_the_jobs_ended(node: Node) -> None:
    remember(node, "job/result.pull", f"key {sealed(node)} ERATELIMIT k2v5 3\n")
    remember(node, "job/result.up", "key2 other OK - 1\n")

    pull, up = asked(node)["result"]

    assert pull[:-1] == ["pull", "key", "same", "ERATELIMIT", "k2v5", "3"]
    assert up[:-1] == ["up", "key2", "differs", "OK", "-", "1"]
    assert 0 <= int(pull[-1]) < 60


def test_after_a_clock_that_went_back_nothing_has_to_rest(node: Node) -> None:
    remember(node, "job/result.pull", f"key {sealed(node)} EPULL k2v5 1\n")
    later = time.time() + 3600
    os.utime(node.state / "job/result.pull", (later, later))

    assert asked(node)["result"][0][-1] == "999999"


def test_a_job_runs_as_long_as_somebody_has_its_lock(node: Node) -> None:
    remember(node, "job/state", "up key gate\n")
    with (node.state / "job.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert asked(node)["job"] == [["running", "up", "key", "gate"]]
    assert asked(node)["job"] == [["idle"]]


def test_a_job_that_has_not_said_what_it_is(node: Node) -> None:
    with (node.state / "job.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert asked(node)["job"] == [["running", "-", "-", "-"]]


def test_nothing_of_the_lines_and_no_digest_of_them_is_told(node: Node) -> None:
    secret = b"K2_RADIUS_KEY=canary-83b1\n"
    remember(node, "record", f"key v1 {SHA} {sealed(node, secret)}\n")
    told = answered(node, secret)

    assert b"\tsame\n" in told
    plain = hashlib.sha256(secret).hexdigest().encode()
    assert not [leak for leak in (b"canary", sealed(node, secret).encode(), plain) if leak in told]


def test_the_key_decides(node: Node) -> None:
    """The same lines on another node have another seal: nobody can try guesses elsewhere."""
    remember(node, "record", f"key v1 {SHA} {sealed(node)}\n")
    assert asked(node)["record"][0][-1] == "same"

    (node.state / "mac.key").write_text("1" * 64 + "\n")

    assert asked(node)["record"][0][-1] == "differs"
