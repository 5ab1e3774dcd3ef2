"""Who may write: the node's lock, its owner, and the fence against a leader of yesterday."""

import os
import subprocess

import pytest

from kaitu.core.command import Command
from scripts.run import Node, put, without

OURS = ("inst-1", "edge/node-1")


def claim(previous: str = "-") -> Command:
    return Command("claim", (previous,))


def state(node: Node) -> dict[str, str]:
    return {path.name: path.read_text() for path in node.state.iterdir()}


def writes(node: Node, *guard: str) -> str:
    """The code for a write by this guard; says nothing was written when it is refused."""
    path = node.app / "file"
    answer = node.answer(put(path, b"x"), guard=guard)
    assert path.exists() == (answer["code"] == "OK")
    path.unlink(missing_ok=True)
    return f"{answer['code']} {answer['detail']}".strip()


def test_a_claim_records_owner_fence_and_key(bare: Node) -> None:
    assert bare.code(claim()) == "OK"
    found = state(bare)
    assert found["owner"] == "inst-1 edge/node-1\n"
    assert found["fence"] == "1 proc-1\n"
    assert len(bytes.fromhex(found["mac.key"])) == 32
    assert set(found) == {"owner", "fence", "mac.key", "lock"}
    assert {oct(p.stat().st_mode)[-3:] for p in bare.state.iterdir()} == {"600"}
    assert oct(bare.state.stat().st_mode)[-3:] == "700"
    assert bare.code(claim()) == "OK"
    assert state(bare) == found


def test_nothing_is_written_on_an_unowned_node(bare: Node) -> None:
    assert writes(bare, *OURS, "1", "proc-1") == "ENOOWNER"


@pytest.mark.parametrize("other", [("inst-2", "edge/node-1"), ("inst-1", "edge/node-2")])
def test_another_s_node_is_not_written(node: Node, other: tuple[str, str]) -> None:
    before = state(node)
    assert writes(node, *other, "9", "proc-9") == "EOWNER inst-1/edge/node-1"
    assert node.code(claim(), guard=(*other, "9", "proc-9")) == "EOWNER"
    assert node.code(claim("inst-3"), guard=(*other, "9", "proc-9")) == "EOWNER"
    assert state(node) == before


def test_a_node_is_adopted_by_naming_its_owner(node: Node) -> None:
    assert node.code(claim()) == "OK"
    key = state(node)["mac.key"]
    assert writes(node, *OURS, "7", "proc-7") == "OK"
    other = ("inst-2", "edge/node-9", "1", "proc-2")
    assert node.code(claim("inst-1"), guard=other) == "OK"
    found = state(node)
    assert (found["owner"], found["fence"]) == ("inst-2 edge/node-9\n", "1 proc-2\n")
    assert found["mac.key"] == key
    assert writes(node, *OURS, "8", "proc-8") == "EOWNER inst-2/edge/node-9"


def test_the_fence_only_rises(node: Node) -> None:
    assert writes(node, *OURS, "12", "proc-2") == "OK"
    assert state(node)["fence"] == "12 proc-2\n"
    assert writes(node, *OURS, "12", "proc-2") == "OK"
    assert writes(node, *OURS, "11", "proc-2") == "EFENCED 12"
    assert writes(node, *OURS, "9", "proc-2") == "EFENCED 12"  # as text it would be higher
    assert writes(node, *OURS, "12", "proc-3") == "EFENCED 12"
    assert state(node)["fence"] == "12 proc-2\n"


@pytest.mark.parametrize("counter", ["", "-1", "1x", "01", "1" * 19])
def test_a_counter_is_a_number(node: Node, counter: str) -> None:
    assert writes(node, *OURS, counter, "proc-1") == "EARG counter"


@pytest.mark.parametrize(
    ("name", "content", "detail"),
    [("fence", "", "fence"), ("fence", "x y\n", "fence"), ("owner", "", "owner")],
)
def test_a_damaged_record_stops_everything(
    node: Node, name: str, content: str, detail: str
) -> None:
    (node.state / name).write_text(content)
    assert writes(node, *OURS, "2", "proc-1") == f"ESTATE {detail}"


def test_text_of_a_foreign_record_is_not_repeated(node: Node) -> None:
    (node.state / "owner").write_text('x "} y\n')
    assert writes(node, *OURS, "2", "proc-1") == "EOWNER unprintable"


@pytest.mark.parametrize("kind", ["link", "file", "open", "another's"])
def test_a_state_directory_that_is_not_ours(bare: Node, kind: str) -> None:
    elsewhere = bare.root / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if kind == "link":
        bare.state.symlink_to(elsewhere)
    elif kind == "file":
        bare.state.write_text("")
    else:
        bare.state.mkdir(mode=0o755 if kind == "open" else 0o700)
        os.chown(bare.state, 1000 if kind == "another's" else 0, 0)
    assert bare.answer(claim()) == {"code": "ESTATE", "detail": str(bare.state)}
    assert list(elsewhere.iterdir()) == []


def test_a_node_that_is_being_written_is_busy(dash: Node) -> None:
    patient = without("put_file").replace("flock -w 20", "flock -w 0.2")
    with (dash.state / "lock").open("a") as lock:
        subprocess.run(["flock", str(lock.fileno())], check=True, pass_fds=(lock.fileno(),))
        assert dash.code(put(dash.app / "file", b"x"), text=patient) == "EBUSY"
    assert dash.code(put(dash.app / "file", b"x"), text=patient) == "OK"


def test_a_key_that_was_cut_is_made_again(node: Node) -> None:
    (node.state / "mac.key").write_text("")
    assert node.code(claim()) == "OK"
    assert len(state(node)["mac.key"]) == 65
