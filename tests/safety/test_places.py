"""Guardrails 1, 2 and 4: places that are never written, and what stays when we go."""

from pathlib import Path

import pytest

from kaitu.api.node import validate
from kaitu.api.policy import Policy, denied
from kaitu.core import dotenv, k2
from kaitu.core.command import Command
from kaitu.core.desired import Desired
from kaitu.core.errors import KaituError
from kaitu.core.sections import EnvSpec
from kaitu.core.sections.env import EnvVarSpec
from kaitu.remote import loader
from scripts.run import MARK, Node, etc, put, without
from specs import good

CONTENT = MARK + b"x\n"
FORBIDDEN = (
    "/etc/kaitu/config.yml",
    "/etc/kaitu/deep/down",
    "/etc/iptables/rules.v4",
    "/etc/nftables.conf",
    "/etc/nftables.d/x",
)
PLACES = ("kaitu/deep", "iptables", "nftables.d")
REFUSAL = 'finish EARG "$1"'


def own_etc(node: Node) -> str:
    """Shell text by which the command, and nobody else, has an /etc in the node's folder."""
    own = node.root / "etc"
    for name in (*PLACES, "alternatives"):
        (own / name).mkdir(parents=True)
    tools = f"mount --bind /etc/alternatives {own}/alternatives"  # where some find their awk
    return f"{{ [ ! -d /etc/alternatives ] || {tools}; }} && mount --rbind {own} /etc || exit 99; "


def written(node: Node, command: Command, text: str) -> list[str]:
    node.start(command, text=text, unshared=own_etc(node)).communicate(timeout=60)
    return [str(path) for path in (node.root / "etc").rglob("*") if path.is_file()]


@pytest.mark.parametrize("path", FORBIDDEN)
def test_what_is_kaitus_or_the_firewalls_is_not_written(
    dash: Node, tmp_path: Path, path: str
) -> None:
    (tmp_path / "whole").mkdir()
    whole = Node(tmp_path / "whole", "dash").prepare().claimed()
    command = put(Path(path), CONTENT)
    assert written(whole, command, loader.script_text("put_file")) == []
    assert written(dash, command, without("put_file", REFUSAL)) == [f"{dash.root}{path}"]


def test_no_env_is_merged_there(dash: Node, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = Node(tmp_path / "whole", "dash").prepare().claimed()
    command = Command("merge_env", ("/etc/kaitu", "4"), b"A=1\n")
    assert written(whole, command, loader.script_text("merge_env")) == []
    assert written(dash, command, without("merge_env", REFUSAL)) == [f"{dash.root}/etc/kaitu/.env"]


@pytest.mark.parametrize("directory", ["/etc/kaitu", "/etc", "/root", "/appsx", "/var/lib/docker"])
def test_no_deployment_lives_there(directory: str) -> None:
    """The policy's rule, before anything is asked of a node."""
    spec = validate(good() | {"compose": {"version": "1.0.0", "directory": directory}})
    assert set(denied(Policy(), spec)) >= {"compose", "env"}
    lax = Policy(directories=(directory,))
    assert "compose" not in denied(lax, spec)


# Going away


def deployment(node: Node) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in node.app.rglob("*") if path.is_file()}


def test_release_leaves_the_deployment_as_it_is(dash: Node) -> None:
    before = etc(dash)
    (dash.app / ".env").write_bytes(b"K2_NODE_SECRET=x\n")
    (dash.app / "docker-compose.yml").write_bytes(CONTENT)  # even if it looks like ours
    (dash.app / "data").mkdir()
    (dash.app / "data/file").write_bytes(b"theirs")
    (dash.root / "cron.d/kaitu-a").write_bytes(CONTENT)
    (dash.root / "cron.d/kaitu-b").write_bytes(b"theirs\n")
    there = deployment(dash)

    assert dash.code(Command("release"), unshared=before) == "OK"

    assert deployment(dash) == there
    assert [path.name for path in (dash.root / "cron.d").iterdir()] == ["kaitu-b"]


def test_the_mark_is_what_saves_the_files_of_others(dash: Node) -> None:
    """The control: without the look at the mark they would go."""
    before = etc(dash)
    (dash.root / "cron.d/kaitu-b").write_bytes(b"theirs\n")
    text = without("release", ' || ! ours "$file"')

    dash.code(Command("release"), text=text, unshared=before)

    assert list((dash.root / "cron.d").iterdir()) == []


# The operator's own layer for names that are kept out


def resolved(name: str, protected: frozenset[str]) -> dict[str, str]:
    """What the operator would send for a spec that no schema has seen."""
    var = EnvVarSpec.model_construct(name=name, value="x", value_from=None)
    section = EnvSpec.model_construct(vars=(var,), mode=None)
    desired = Desired("fleet", "node-1", {"env": section}, {}, protected=protected)
    return {key: value.reveal() for key, value in dotenv.resolve(section, desired).items()}


PROTECTED = frozenset({"K2_NODE_SECRET"})


@pytest.mark.parametrize("name", ["K2_NODE_SECRET", "k2_node_secret", "K2_nOdE_sEcReT"])
def test_the_operator_refuses_the_name_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KaituError, match="K2_NODE_SECRET"):
        resolved(name, frozenset())  # the list alone is gone
    monkeypatch.setattr(k2, "refused_name", lambda _: False)
    with pytest.raises(KaituError, match="is protected"):
        resolved(name, PROTECTED)  # the rule alone is gone
    assert resolved(name, frozenset()) == {name: "x"}  # both: it would be sent
