"""The main job from inside the cluster: the node follows, drift is mended, a release rolls in."""

import pytest

from integration.standing import CC, ENV, Vps
from lab import fleet
from lab.stack import stack
from lab.wait import until


def test_the_node_is_as_its_resource_says(vps: Vps) -> None:
    assert vps.node.run(f"sysctl -n {CC}").strip() == "bbr"
    env = vps.node.read(ENV)
    assert "K2_LOG_LEVEL=info\n" in env
    assert env.startswith(fleet.SECRET_LINE)
    vps.runs("v1")


@pytest.mark.parametrize(
    ("breaking", "check", "mended"),
    [
        (f"sysctl -qw {CC}=reno", f"sysctl -n {CC}", "bbr"),
        (f"sed -i s/LEVEL=info/LEVEL=debug/ {ENV}", f"grep -c LEVEL=info {ENV}", "1"),
        ("docker rm -f k2-oc", "docker inspect -f '{{.State.Running}}' k2-oc", "true"),
    ],
    ids=["sysctl", "env", "container"],
)
def test_what_somebody_breaks_is_mended(vps: Vps, breaking: str, check: str, mended: str) -> None:
    vps.node.run(breaking)

    until(lambda: vps.node.run(check, check=False).strip() == mended, 90, f"mended: {breaking}")
    vps.recovers()


def test_a_release_rolls_in(vps: Vps) -> None:
    vps.release("2.0.0", stack("v2"))

    vps.recovers(180)
    vps.runs("v2")
