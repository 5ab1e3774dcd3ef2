"""kaituctl and a stack: a living node is imported, taken over and moved, without a cluster."""

import re
import signal
from typing import Any

import pytest
import yaml

from integration.ctl import DIFFERS, IN_SYNC, TROUBLE, Ctl
from integration.still import moved, stamp
from integration.visits import changed, started
from lab import fleet
from lab.node import Node
from lab.registry import Registry
from lab.stack import ENV_SAMPLE, FOLDER, stack
from lab.wait import until

CANARY = "canary-9c40"
ENV = f"{ENV_SAMPLE}K2_RADIUS_KEY={CANARY}\n"
FILE = stack("v1")
IMPORTED = "imported.yaml"


@pytest.fixture(scope="module")
def living(node: Node, pushed: Registry) -> Node:
    """A node that a person has set up by hand."""
    pushed.behave()
    node.write(f"{FOLDER}/docker-compose.yml", FILE)
    node.write(f"{FOLDER}/.env", ENV, mode=0o600)
    node.run(f"cd {FOLDER} && docker compose pull -q && docker compose up -d", timeout=180)
    return node


@pytest.fixture(scope="module")
def ctl(tmp_path_factory: pytest.TempPathFactory) -> Ctl:
    return Ctl.fresh(tmp_path_factory.mktemp("ctl"))


@pytest.fixture(scope="module")
def imported(ctl: Ctl, living: Node) -> Ctl:
    """The files that an import has written."""
    before = started(living)
    stamp(living)
    at = (f"ubuntu@{living.address}", "--port", str(living.port))
    key = ("--identity", str(living.keys.path), "-o", str(ctl.folder), "--name", "vps")
    shown = ctl.run("import", *at, *key)
    assert shown.code == 2, shown
    pinned = re.search(r"--host-key '([^']+)'", shown.err)
    assert pinned, shown
    assert pinned[1] == living.host_key

    ended = ctl.run("import", *at, *key, "--host-key", pinned[1])

    assert ended.code == 0, ended
    assert "vps: in sync" in ended.err, ended
    assert CANARY not in ended.out + ended.err
    assert moved(living) == []
    assert changed(living, before) == set()
    (ctl.folder.parent / IMPORTED).write_text((ctl.folder / "vps.yaml").read_text())
    return ctl


def document(ctl: Ctl) -> dict[str, Any]:
    """The KaituNode as it was imported."""
    found: dict[str, Any] = yaml.safe_load((ctl.folder.parent / IMPORTED).read_text())
    return found


def describe(ctl: Ctl, living: Node, **spec: Any) -> None:
    """The imported KaituNode with changes, and the key that it needs."""
    found = document(ctl)
    found["spec"] = {**found["spec"], "mode": "Enforce", **spec}
    ctl.write("key", fleet.key_secret(living.keys.private))
    ctl.write("vps", found)


@pytest.fixture
def taken(imported: Ctl, living: Node, registry: Registry) -> Ctl:
    """The node is ours and runs what was imported."""
    describe(imported, living)
    ended = imported.apply()
    assert ended.code == IN_SYNC, ended
    return imported


def test_an_import_writes_what_is_there_without_secrets(imported: Ctl, living: Node) -> None:
    texts = {path.name: path.read_text() for path in imported.folder.glob("*.yaml")}
    (release,) = [name for name in texts if name.startswith("compose-imported-")]
    assert yaml.safe_load(texts[release])["data"]["docker-compose.yml"] == FILE
    assert CANARY not in "".join(texts.values())
    assert "K2_CENTER_URL, K2_RADIUS_KEY, K2_TAG" in texts["vps.yaml"]
    spec = document(imported)["spec"]
    assert spec["mode"] == "Observe"
    assert spec["connection"]["hostKeys"] == [living.host_key]
    assert {"name": "K2_DOMAIN", "value": "*.example.com"} in spec["env"]["vars"]


def test_a_plan_of_it_is_empty(imported: Ctl, living: Node) -> None:
    assert imported.plan("--identity", str(living.keys.path)).code == IN_SYNC
    imported.write("key", fleet.key_secret(living.keys.private))
    stamp(living)
    ended = imported.plan()
    assert (ended.code, ended.out.splitlines()[0]) == (IN_SYNC, "vps: in sync"), ended
    assert moved(living) == []


def test_another_stack_on_a_living_node_waits_for_a_person(imported: Ctl, living: Node) -> None:
    describe(imported, living, compose={"version": "v2", "file": {"inline": stack("v2")}})
    before = started(living)

    planned, applied = imported.plan(), imported.apply()

    for ended in (planned, applied):
        assert ended.code == DIFFERS, ended
        assert "AdoptionRequired" in ended.out
    assert "pull release v2" in planned.out
    assert changed(living, before) == set()
    assert not living.run("ls /var/lib | grep kaitu-operator || true")


def test_a_living_node_is_taken_over_without_a_restart(imported: Ctl, living: Node) -> None:
    describe(imported, living)
    before = started(living)

    ended = imported.apply()

    assert ended.code == IN_SYNC, ended
    assert changed(living, before) == set()
    stamp(living)
    assert (imported.apply().code, moved(living)) == (IN_SYNC, [])


def test_a_release_is_moved_to_with_its_phases_shown(taken: Ctl, living: Node) -> None:
    describe(taken, living, compose={"version": "v2", "file": {"inline": stack("v2")}})
    before = started(living)
    planned = taken.plan()
    assert planned.code == DIFFERS
    assert "pull release v2" in planned.out
    assert all(f"{name} recreated" in planned.out for name in before), planned

    ended = taken.apply()

    assert ended.code == IN_SYNC, ended
    assert "vps: the job up runs on the node: " in ended.out
    assert changed(living, before) == set(before)
    assert ended.out.splitlines()[-1] == "vps: in sync"


def test_ctrl_c_leaves_the_job_to_the_node(taken: Ctl, living: Node) -> None:
    sick = {"file": {"inline": stack("v3-sick")}, "update": {"gate": {"timeout": "15s"}}}
    describe(taken, living, compose={"version": "sick", **sick})
    process = taken.start("apply", "-f", str(taken.folder))
    assert process.stdout
    said = ""
    while "the job up runs" not in said:
        line = process.stdout.readline()
        assert line, f"it ended before: {said}"
        said += line

    process.send_signal(signal.SIGINT)

    rest, _ = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "goes on there by itself" in rest
    assert "kaituctl plan -f" in rest
    running = taken.plan()
    assert running.code == DIFFERS
    assert "a job runs on the node" in running.out
    until(lambda: "GateFailed" in taken.plan().out, 120, "end of the job")


def test_what_is_held_is_tried_again_only_when_a_person_says_so(taken: Ctl, living: Node) -> None:
    sick = {"file": {"inline": stack("v3-sick")}, "update": {"gate": {"timeout": "5s"}}}
    describe(taken, living, compose={"version": "sick", **sick})
    assert taken.apply().code == TROUBLE
    (node,) = taken.plan("-o", "json").nodes
    held = node["status"]["revision"]["held"]

    again, retried = taken.apply(), taken.apply("--retry", held)

    assert (again.code, retried.code) == (TROUBLE, TROUBLE)
    assert "done:" not in again.out
    assert f"an apply with --retry {held} tries it once more" in again.out
    assert retried.out.count("the job up runs on the node: gate") == 1, retried
