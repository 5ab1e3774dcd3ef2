"""Each guard, taken out of the script: then what it guards against must happen.

A guard whose loss nobody notices is not tested. The same attempt on the whole script fails.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kaitu.core.command import Command
from kaitu.core.text import digest
from kaitu.remote import loader
from scripts.run import GUARD, MARK, Node, env, etc, put, without

NEW = b"new\n"
SECRET = b"K2_NODE_SECRET=do-not-touch\n"
Attempt = Callable[[Node, str], bool]


def attempt_put(node: Node, text: str, path: Path, content: bytes = NEW, **lies: Any) -> bool:
    """Whether the file was written although it should not have been."""
    before = path.read_bytes() if path.exists() else None
    node.start(put(path, content, **lies), text=text).communicate(timeout=60)
    return path.exists() and path.read_bytes() != before


def by_guard(*guard: str) -> Attempt:
    def attempt(node: Node, text: str) -> bool:
        command = put(node.app / "file", NEW)
        node.start(command, text=text, guard=guard).communicate(timeout=60)
        return (node.app / "file").exists()

    return attempt


def replaces_a_symlink(node: Node, text: str) -> bool:
    path = node.app / "file"
    path.symlink_to(node.root / "other")
    attempt_put(node, text, path)
    return not path.is_symlink()


def follows_a_directory_link(node: Node, text: str) -> bool:
    (node.root / "link").symlink_to(node.app)
    return attempt_put(node, text, node.root / "link/file")


def breaks_a_hard_link(node: Node, text: str) -> bool:
    path = node.app / "file"
    path.write_bytes(b"old")
    path.with_name("second").hardlink_to(path)
    return attempt_put(node, text, path)


def climbs(node: Node, text: str) -> bool:
    target = f"{node.app}/../state/record"
    return attempt_put(node, text, node.state / "record", target=target)


def writes_env(node: Node, text: str) -> bool:
    (node.app / ".env").write_bytes(SECRET)
    return attempt_put(node, text, node.app / ".env")


def overwrites_a_stranger_s_change(node: Node, text: str) -> bool:
    (node.app / "file").write_bytes(b"changed by a person\n")
    command = put(node.app / "file", NEW, digest(b"what the caller saw"))
    node.start(command, text=text).communicate(timeout=60)
    return (node.app / "file").read_bytes() == NEW


def takes_damaged_data(node: Node, text: str) -> bool:
    return attempt_put(node, text, node.app / "file", sha=digest(b"else"))


def writes_where_all_can(node: Node, text: str) -> bool:
    node.app.chmod(0o777)
    return attempt_put(node, text, node.app / "file")


def writes_beside_another(node: Node, text: str) -> bool:
    text = text.replace("flock -w 20", "flock -w 0.1")
    with (node.state / "lock").open("a") as lock:
        subprocess.run(["flock", str(lock.fileno())], check=True, pass_fds=(lock.fileno(),))
        return attempt_put(node, text, node.app / "file")


def changes_the_secret(node: Node, text: str) -> bool:
    live = node.app / ".env"
    live.write_bytes(SECRET)
    node.start(env(node.app, b"K2_NODE_SECRET=mine\n"), text=text).communicate(timeout=60)
    return live.read_bytes() != SECRET


def steers_compose(node: Node, text: str) -> bool:
    node.start(env(node.app, b"COMPOSE_FILE=x\n"), text=text).communicate(timeout=60)
    return (node.app / ".env").exists()


def tears_a_quote(node: Node, text: str) -> bool:
    (node.app / ".env").write_bytes(b'A="1\n2"\n')
    node.start(env(node.app, b"A=1\n"), text=text).communicate(timeout=60)
    return (node.app / ".env").read_bytes() == b'A=1\n2"\n'


def takes_half_the_lines(node: Node, text: str) -> bool:
    half = Command("merge_env", (str(node.app), "99"), b"A=1\n")
    node.start(half, text=text).communicate(timeout=60)
    return (node.app / ".env").exists()


def writes_without_an_owner(node: Node, text: str) -> bool:
    (node.state / "owner").unlink()
    return attempt_put(node, text, node.app / "file")


def trusts_an_open_state(node: Node, text: str) -> bool:
    node.state.chmod(0o777)
    return attempt_put(node, text, node.app / "file")


def claims_another_s_node(node: Node, text: str) -> bool:
    other = ("inst-2", *GUARD[1:])
    node.start(Command("claim", ("-",)), text=text, guard=other).communicate(timeout=60)
    return "inst-2" in (node.state / "owner").read_text()


def replaces_a_stranger_s_job(node: Node, text: str) -> bool:
    before = etc(node)
    (node.root / "cron.d/job").write_bytes(b"a person's\n")
    command = put(Path("/etc/cron.d/job"), MARK + NEW)
    node.start(command, text=text, unshared=before).communicate(timeout=60)
    return (node.root / "cron.d/job").read_bytes() == MARK + NEW


def takes_a_path_for_a_key(node: Node, text: str) -> bool:
    data = b"net/ipv4.ip_default_ttl=77\n"
    command = Command("set_sysctl", (str(len(data)),), data)
    return node.code(command, text=text, unshared="true; ") == "OK"


OURS = GUARD[:2]
LOWER = '[ "$counter" -ge "$stored" ] || finish EFENCED "$stored"'
EQUAL = '[ "$counter" -gt "$stored" ] || [ "$holder" = "$process" ] || finish EFENCED "$stored"'
OWNER = 'finish EOWNER "${owner%% *}/${owner#* }"'
NAMES = "    if (is_protected(name)) return 3\n"
PROOF = '        [ "$(env_secret <"$3")" = "$(env_secret <"$5")" ] &&\n'
PATHS = ('finish EARG "$1"', 'finish ESYMDIR "$1"')

CONTROLS: list[tuple[str, tuple[str, ...], Attempt]] = [
    ("put_file", ('finish ESYMLINK "$1"',), replaces_a_symlink),
    ("put_file", ('finish ESYMDIR "$1"',), follows_a_directory_link),
    ("put_file", ('finish ENOTREG "$1"',), breaks_a_hard_link),
    ("put_file", PATHS, climbs),
    ("put_file", ('finish EARG "$path"',), writes_env),
    ("put_file", ('finish ECONFLICT "$path"',), overwrites_a_stranger_s_change),
    ("put_file", ("finish EDIGEST",), takes_damaged_data),
    ("put_file", ('finish EUNSAFE "$1"',), writes_where_all_can),
    ("put_file", ("flock -w 20 -E 75 9",), writes_beside_another),
    ("put_file", ('finish EFOREIGN "$path"',), replaces_a_stranger_s_job),
    ("put_file", (OWNER,), by_guard("inst-2", *GUARD[1:])),
    ("put_file", ("finish ENOOWNER",), writes_without_an_owner),
    ("put_file", (LOWER,), by_guard(*OURS, "0", "proc-1")),
    ("put_file", (EQUAL,), by_guard(*OURS, "1", "proc-2")),
    ("put_file", ('finish ESTATE "$KAITU_STATE"',), trusts_an_open_state),
    ("claim", (OWNER,), claims_another_s_node),
    ("merge_env", (NAMES, PROOF), changes_the_secret),
    ("merge_env", (' || index(name, "compose_") == 1',), steers_compose),
    ("merge_env", ("    if (unsafe) exit 4\n",), tears_a_quote),
    ("merge_env", ("finish ESHORT",), takes_half_the_lines),
    ("set_sysctl", ("    *..* | *[!A-Za-z0-9_.-]*) return 1 ;;\n",), takes_a_path_for_a_key),
]


@pytest.mark.parametrize(
    ("script", "guards", "attempt"), CONTROLS, ids=[each[2].__name__ for each in CONTROLS]
)
def test_a_guard_is_what_prevents_it(
    dash: Node, script: str, guards: tuple[str, ...], attempt: Attempt, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    whole = Node(tmp_path / "whole", "dash").prepare().claimed()
    assert not attempt(whole, loader.script_text(script))
    assert attempt(dash, without(script, *guards))


def test_the_secret_has_two_guards(dash: Node) -> None:
    """The list of protected names, and the proof of each result: either is enough."""
    for guard in (NAMES, PROOF):
        assert not changes_the_secret(dash, without("merge_env", guard))
