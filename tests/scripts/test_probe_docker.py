"""What Docker says of its containers, as told under every shell, by a docker that has too many."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kaitu.core.aspect import Answer
from kaitu.core.command import Command
from kaitu.core.containers import parse_docker
from scripts.run import Node, joined, toolbox

PARTS = ("frame.sh", "docker.sh", "probe_docker.sh", "probe.sh")
PLUGIN = "usr/libexec/docker/cli-plugins/docker-compose"
OTHERS, LABEL = 220, "com.docker.compose.project"

# The newest container comes first, as docker ps tells them: those of the deployment come last.
DOCKER = f"""
case $* in
'version '*) echo 26.1.5 ;;
'compose version '*) echo 2.26.1 ;;
*"{LABEL}.working_dir=/apps/kaitu-slave") echo made-here ;;
*"{LABEL}=kaitu-slave") printf 'made-here\\nof-its-name\\n' ;;
'ps -aq '*)
    seq -f 'other-%g' {OTHERS}
    printf 'made-here\\nof-its-name\\n'
    ;;
'inspect '*)
    shift 5
    for id in "$@"; do printf '{{"id":"%s"}}\\n' "$id"; done
    ;;
esac
"""


def asked(node: Node, known: bytes = b"") -> Answer:
    data = b"/apps/kaitu-slave\n" + known
    command = Command("probe", (f"docker:{len(data)}",), data)
    answer = node.answer(command, text=joined(*PARTS))["fragments"]["docker"]
    return Answer(answer["rc"], base64.b64decode(answer["out"]))


def told(node: Node) -> list[str]:
    """The ids of the containers that the fragment tells of."""
    answer = asked(node)
    assert answer.rc == 0
    state, *found = answer.out.decode().splitlines()
    assert state == "engine\tok\t26.1.5\t2.26.1"
    return [json.loads(line)["id"] for line in found]


def machine(node: Node) -> Node:
    """With a daemon that runs, a plugin, no container, and a list of what was called."""
    root = node.root / "machine"
    for name in ("run/docker.pid", PLUGIN, "root/.docker/config.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("4711" if name.endswith("pid") else "{}")
    docker = f"""
echo "$1" >>{root}/calls
case $* in
'version '*) cat {root}/version ;;
'compose version '*) echo 2.26.1 ;;
'ps '*) cat {root}/containers ;;
'inspect '*)
    shift 5
    for id in "$@"; do printf '{{"id":"%s"}}\\n' "$id"; done
    ;;
esac
"""
    (root / "containers").touch()
    (root / "version").write_text("26.1.5\n")
    tools = dict.fromkeys(("env", "sh", "sort"), 'exec REAL "$@"')
    ready = toolbox(node, **tools, docker=docker)
    return replace(ready, environ={**ready.environ, "KAITU_ROOT": str(root)})


def calls(node: Node) -> list[str]:
    file = node.root / "machine/calls"
    found = file.read_text().split() if file.exists() else []
    file.unlink(missing_ok=True)
    return found


def test_of_too_many_containers_those_of_the_deployment_are_told_first(bare: Node) -> None:
    tools = dict.fromkeys(("seq", "env", "sh"), 'exec REAL "$@"')
    boxed = toolbox(bare, **tools, docker=DOCKER)
    nowhere = {**boxed.environ, "KAITU_ROOT": str(bare.root)}

    found = told(replace(boxed, environ=nowhere))

    assert found[:2] == ["made-here", "of-its-name"]
    assert len(set(found)) == len(found) == 200


def test_versions_are_asked_for_once(bare: Node) -> None:
    node = machine(bare)
    first = parse_docker(asked(node))
    assert (first.version, first.compose) == ("26.1.5", "2.26.1")
    assert calls(node) == ["version", "compose", "ps"]

    again = parse_docker(asked(node, first.known))

    assert again == first
    assert calls(node) == ["ps"]


def replaced(root: Path) -> None:
    (root / "plugin").write_text("{}")
    (root / "plugin").rename(root / PLUGIN)


def removed(root: Path) -> None:
    (root / PLUGIN).unlink()


def nearer(root: Path) -> None:
    (root / "root/.docker/cli-plugins").mkdir()
    (root / "root/.docker/cli-plugins/docker-compose").touch()


def restarted(root: Path) -> None:
    (root / "run/docker.pid").write_text("4712")


def anywhere(root: Path) -> None:
    (root / "root/.docker/config.json").write_text('{"cliPluginsExtraDirs": ["/opt"]}')


@pytest.mark.parametrize("change", [replaced, removed, nearer, restarted, anywhere])
def test_and_again_when_a_file_is_another(dash: Node, change: Callable[[Path], None]) -> None:
    node = machine(dash)
    known = parse_docker(asked(node)).known
    calls(node)

    change(node.root / "machine")

    (node.root / "machine/version").write_text("28.0.0\n")
    assert parse_docker(asked(node, known)).version == "28.0.0"
    assert calls(node) == ["version", "compose", "ps"]


def test_of_a_daemon_that_leaves_no_trace_it_is_asked_each_time(dash: Node) -> None:
    node = machine(dash)
    (node.root / "machine/run/docker.pid").unlink()

    assert parse_docker(asked(node)).known == b""


def containers(node: Node, *ids: str, elsewhere: bool = False) -> None:
    """What the daemon has, newest first; its own directory may be another one."""
    root = node.root / "machine"
    (root / "containers").write_text("".join(f"{one}\n" for one in ids))
    for one in () if elsewhere else ids:
        (root / "var/lib/docker/containers" / one).mkdir(parents=True, exist_ok=True)


def said(node: Node, known: bytes = b"") -> tuple[bytes, list[str]]:
    """What the next question tells, and the containers."""
    (_, _, version, compose, mark), *found = (
        line.split("\t") for line in asked(node, known).out.decode().splitlines()
    )
    return f"{mark} {version} {compose}\n".encode(), [json.loads(one)["id"] for (one,) in found]


def test_the_directory_of_the_daemon_tells_of_its_containers(bare: Node) -> None:
    node = machine(bare)
    containers(node, "bb", "aa")
    known, _ = said(node)
    calls(node)

    assert said(node, known) == (known, ["aa", "bb"])
    containers(node, "cc", "bb", "aa")
    assert said(node, known) == (known, ["aa", "bb", "cc"])
    assert calls(node) == ["inspect", "inspect"]


def test_a_directory_is_nothing_where_the_daemon_told_of_others(dash: Node) -> None:
    node = machine(dash)
    containers(node, "aa")
    containers(node, "bb", "aa", elsewhere=True)
    known, _ = said(node)
    calls(node)

    assert said(node, known) == (known, ["bb", "aa"])
    assert calls(node) == ["ps", "inspect"]


def test_of_no_containers_the_daemon_is_asked(dash: Node) -> None:
    node = machine(dash)
    containers(node, "aa")
    known, _ = said(node)
    (node.root / "machine/var/lib/docker/containers/aa").rmdir()
    containers(node, "bb", elsewhere=True)

    assert said(node, known)[1] == ["bb"]
