"""Guardrails 1, 3 and 5 in the detached job: its whole run, with a Docker that writes down.

Each guard of the job is also taken out, and then what it prevents is seen to happen.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kaitu.core.command import Command
from kaitu.core.text import digest
from lab.wait import until
from safety.calls import PLANTS, strange
from scripts.run import Node, toolbox, without

FILE = b"services: {k2-sidecar: {image: img1}, k2v5: {image: img2}}\n"
LINES = b"K2_RADIUS_KEY=canary-3c9e\n"
SECRET = b"K2_NODE_SECRET=canary-77aa\n"
REAL = dict.fromkeys(("env", "sh", "setsid", "sort", "uniq", "sed"), 'exec REAL "$@"')

# What a Docker would say of a node on which everything is in order. ROOT is replaced.
DOCKER = """
printf '%s\\n' "$*" >>ROOT/calls
env >>ROOT/environment
case $* in
*kaitu-operator/absent* | *' -p kaitu-operator-absent '*) exit 1 ;;
*' config') printf 'services:\\n  k2-sidecar:\\n    image: img1\\n  k2v5:\\n    image: img2\\n' ;;
'image inspect '*)
    [ ! -e ROOT/no-image ] || exit 1
    shift 4
    for one in "$@"; do echo sha256:aa; done
    ;;
*'{{.Config.Image}} {{.Image}} '*) echo "img1 sha256:bb" ;;
'ps -aq '*) echo 0123456789ab ;;
'inspect '*)
    for service in k2-sidecar k2v5; do
        echo "img1 $service running healthy 0 always 0 sha256:aa"
    done
    ;;
pull*) while [ -e ROOT/slow ] && [ ! -e ROOT/state/job/late ]; do :; done ;;
compose*' up '*' --wait '*) [ ! -e ROOT/sick ] || exit 1 ;;
version) echo 26.1.5 ;;
esac
"""
TIMER = "case $1 in 20) exec REAL 2 ;; *) exec REAL 0.1 ;; esac"
"""A sleep that is soon over; that of the timer, later than a pull that is quick."""


@dataclass
class Ran:
    """What a job left behind."""

    node: Node
    result: list[str]

    @property
    def calls(self) -> list[str]:
        file = self.node.root / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def ups(self) -> list[str]:
        return [call.partition(" up ")[2] for call in self.calls if " up " in call]

    @property
    def env(self) -> bytes:
        return (self.node.app / ".env").read_bytes()


def start(
    node: Node,
    kind: str,
    text: str = "",
    *,
    env: bytes = SECRET,
    lines: bytes = LINES,
    sha: str = "",
    key: str = "key",
    jitter: int = 0,
    retry: str = "-",
) -> str:
    """What the start answers; the node is as a claim and a person have left it."""
    (node.state / "mac.key").write_text("0" * 64 + "\n")
    (node.app / ".env").write_bytes(env)
    words = (kind, key, "v1", str(node.app), sha or digest(FILE), str(len(FILE)))
    numbers = (str(len(lines)), "1", str(jitter), "1", "restore", retry, "0", "-")
    command = Command("start_job", (*words, *numbers, "k2-sidecar", "--", "--"), FILE + lines)
    return equipped(node).code(command, text=text)


def equipped(node: Node) -> Node:
    """The node with a Docker that writes down, and a sleep that is soon over."""
    docker = DOCKER.replace("ROOT", str(node.root))
    tools = {**REAL, "docker": docker, "sleep": TIMER}
    return node if node.environ else toolbox(node, **tools)


def job(node: Node, kind: str, text: str = "", *, last: str = "", **more: Any) -> Ran:
    """Start it and wait for its end; ``last`` is the kind that it ends as."""
    answer = start(node, kind, text, **more)
    if answer != "STARTED":
        return Ran(node, [answer])
    result = node.state / f"job/result.{last or kind}"

    def end() -> list[str] | None:
        """Until the job has written its own end, the file says that it was killed."""
        words = result.read_text().split() if result.exists() else ["EKILLED"]
        return words if "EKILLED" not in words else None

    return Ran(node, until(end, 60, "end of the job"))


def test_a_release_is_pulled_whole_and_then_goes_up(dash: Node) -> None:
    pulled = job(dash, "pull")
    assert pulled.result[2] == "OK"
    assert not pulled.ups
    assert not (dash.app / "docker-compose.yml").exists()
    assert [call for call in pulled.calls if call.startswith("pull")] == [
        "pull -q img1",
        "pull -q img2",
    ]


def test_it_goes_up_behind_its_gate_and_is_what_was_sent(dash: Node) -> None:
    ran = job(dash, "up")
    assert ran.result[2] == "OK"
    flags = "-d --pull never --no-build --remove-orphans=false"
    assert ran.ups == [f"{flags} --no-deps --wait --wait-timeout 1 k2-sidecar", flags]
    assert (dash.app / "docker-compose.yml").read_bytes() == FILE
    assert ran.env == SECRET + LINES


def test_a_quick_pull_goes_on_and_a_slow_one_ends_as_a_pull(dash: Node, tmp_path: Path) -> None:
    quick = job(dash, "deploy", last="up")
    assert quick.result[2] == "OK"
    assert len(quick.ups) == 2
    (tmp_path / "slow").mkdir()
    other = Node(tmp_path / "slow", "dash").prepare().claimed()
    (other.root / "slow").touch()
    slow = job(other, "deploy", last="pull")
    assert slow.result[2] == "OK"
    assert not slow.ups
    assert (other.state / "job/state").read_text().split()[0] == "pull"
    assert not (other.state / "job/result.up").exists()


KINDS = {"pull": "pull", "up": "up", "deploy": "up", "repair": "repair", "record": "record"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_call_is_one_that_is_allowed(dash: Node, kind: str) -> None:
    ran = job(dash, kind, last=KINDS[kind])
    assert ran.calls
    assert strange(ran.calls) == []


def test_a_call_that_is_not_allowed_is_found() -> None:
    assert strange(list(PLANTS)) == list(PLANTS)


def test_no_value_is_an_argument_a_variable_or_left_behind(dash: Node) -> None:
    ran = job(dash, "up")
    environment = (dash.root / "environment").read_text()
    names = {line.partition("=")[0] for line in environment.splitlines()}
    assert names <= {"PATH", "HOME", "LC_ALL", "DOCKER_CONTEXT", "PWD", "OLDPWD", "SHLVL", "_"}
    left = b"".join(p.read_bytes() for p in dash.state.rglob("*") if p.is_file())
    digests = [hashlib.sha256(text).hexdigest() for text in (SECRET, LINES, SECRET + LINES)]
    for part in ("canary-3c9e", "canary-77aa", *digests):
        assert part not in "\n".join((*ran.calls, environment))
        assert part.encode() not in left


# Each guard out of the script, and what it prevents


def starts_without_a_secret(node: Node, text: str) -> bool:
    return bool(job(node, "up", text, env=b"A=1\n").ups)


def starts_without_the_images(node: Node, text: str) -> bool:
    (node.root / "no-image").touch()
    return bool(job(node, "up", text).ups)


def passes_a_shut_gate(node: Node, text: str) -> bool:
    (node.root / "sick").touch()
    return any("--wait" not in call for call in job(node, "up", text).ups)


def takes_a_damaged_file(node: Node, text: str) -> bool:
    ran = job(node, "pull", text, sha=digest(b"another"))
    return ran.result != ["EDIGEST"]


def changes_the_secret(node: Node, text: str) -> bool:
    return SECRET not in job(node, "up", text, lines=b"K2_NODE_SECRET=mine\n").env


NAMES = "    if (is_protected(name)) return 3\n"
PROOF = '        [ "$(env_secret <"$3")" = "$(env_secret <"$5")" ] &&\n'

GUARDS = [
    (starts_without_a_secret, ("finish ENOSECRET",)),
    (starts_without_the_images, ("    images_ready\n",)),
    (passes_a_shut_gate, ('fail EGATE "$bad"',)),
    (takes_a_damaged_file, ("finish EDIGEST",)),
    (changes_the_secret, (NAMES, PROOF)),
]


@pytest.mark.parametrize(("attempt", "guards"), GUARDS, ids=[g[0].__name__ for g in GUARDS])
def test_a_guard_of_the_job_is_what_prevents_it(
    dash: Node, tmp_path: Path, attempt: object, guards: tuple[str, ...]
) -> None:
    assert callable(attempt)
    (tmp_path / "whole").mkdir()
    whole = Node(tmp_path / "whole", "dash").prepare().claimed()
    assert not attempt(whole, "")
    assert attempt(dash, without("start_job", *guards))
