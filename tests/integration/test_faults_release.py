"""A deployment that cannot be: it stops before it disturbs, says why, and goes on by itself.

Each code of a job's end is tried in test_deploy.py; here conditions, recovery and the hold.
"""

import pytest

from integration.standing import ENV, Standing
from lab.faults import fault
from lab.registry import Registry
from lab.stack import stack

NODE = {"apps_tmpfs": "20m"}
GATED = ("k2v5", "k2v4-slave", "k2-oc")
WARN = {"vars": [{"name": "K2_LOG_LEVEL", "value": "warn"}]}


def test_a_registry_that_is_down_changes_nothing(vps: Standing, registry: Registry) -> None:
    before = vps.started(), vps.files()
    registry.stop()
    try:
        vps.release("2.0.0", stack("v1").replace("k2-oc:v1", "k2-oc:v2"))
        seen = vps.breaks("PullFailed", 180)
        assert seen.condition("Healthy")["status"] == "True"
        assert (vps.started(), vps.files()) == before
    finally:
        registry.start_again()

    vps.recovers(180)
    assert vps.started()["k2-oc"] != before[0]["k2-oc"]


def test_a_registry_that_throttles_is_left_alone_for_a_while(
    vps: Standing, registry: Registry
) -> None:
    vps.node.run("docker images -q '*/*:v3-none' | xargs -r docker rmi -f >/dev/null")
    before = vps.started()
    registry.misbehave(mode="status", code=429)
    vps.release("2.0.1", stack("v3-none"))

    vps.breaks("PullRateLimited", 180)

    asked = registry.stats()["requests"]
    vps.visited()
    assert registry.stats()["requests"] == asked
    assert vps.started() == before


@pytest.mark.parametrize(
    "text", [stack("v1") + "\n  nonsense: [\n", stack("v1").replace("cap_add:", "cap_ad:")]
)
def test_an_invalid_compose_file_changes_nothing(vps: Standing, text: str) -> None:
    before = vps.started(), vps.files()
    vps.release(f"2.1.{len(text)}", text)

    seen = vps.breaks("ComposeInvalid")

    assert (vps.started(), vps.files()) == before
    assert seen.condition("Healthy")["status"] == "True"


@pytest.mark.parametrize("version", ["v3-sick", "v3-crash"])
def test_a_sick_release_stops_at_the_gate_and_is_not_tried_again(
    vps: Standing, version: str
) -> None:
    before = vps.started(*GATED)
    vps.release(f"3.0.{len(version)}", stack(version), gate="8s")

    seen = vps.breaks("GateFailed", 240)

    assert "k2-sidecar" in seen.condition("InSync")["message"]
    assert seen.status["revision"]["held"]
    assert "what ran before runs again" in seen.condition("InSync")["message"]
    vps.sees(lambda s: s.says("Healthy", "True", "Healthy"), "health")
    tries = vps.node.run(TRIES)
    vps.visited()
    vps.operator.stop()
    vps.operator = vps.start()
    vps.visited()
    assert vps.node.run(TRIES) == tries
    assert vps.started(*GATED) == before


TRIES = "docker inspect -f '{{.Id}}' k2-sidecar; stat -c %y /var/lib/kaitu-operator/job/result.*"


def test_a_full_disk_is_named(vps: Standing) -> None:
    before = vps.started(), vps.files()
    with fault(vps.node, "diskfull"):
        vps.edit(env=WARN)
        seen = vps.breaks("NoSpace")
        assert seen.says("Healthy", "False", "DiskFull")
        assert (vps.started(), vps.files()) == before

    vps.recovers(120)
    assert "K2_LOG_LEVEL=warn" in vps.node.read(ENV)


def test_a_read_only_disk_is_named(vps: Standing) -> None:
    before = vps.started(), vps.files()
    with fault(vps.node, "readonly"):
        vps.edit(env=WARN)
        vps.breaks("ReadOnlyFilesystem")
        assert (vps.started(), vps.files()) == before

    vps.recovers(120)
    assert "K2_LOG_LEVEL=warn" in vps.node.read(ENV)


@pytest.mark.parametrize("line", ['X="never closed\n', "A B=1\n"])
def test_an_env_that_compose_cannot_parse_is_named_and_not_touched(
    vps: Standing, line: str
) -> None:
    good, before = vps.node.read(ENV), vps.started()
    vps.node.write(ENV, good + line, 0o600)
    try:
        vps.edit(env=WARN)
        vps.breaks("EnvUnparsable")
        assert vps.node.read(ENV) == good + line
        assert vps.started() == before
    finally:
        vps.node.write(ENV, good, 0o600)

    vps.recovers(120)
