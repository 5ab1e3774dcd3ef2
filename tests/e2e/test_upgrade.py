"""Upgrade, rollback and a new SSH key: visits go on, and no node is touched by any of them."""

from collections.abc import Iterator
from contextlib import contextmanager

from integration.fingerprint import differences, fingerprint
from integration.standing import Vps
from lab import fleet
from lab.installed import NAME, Installed
from lab.keys import Keys
from lab.run import Lab


@contextmanager
def untouched(vps: Vps) -> Iterator[None]:
    """The node, from a visit before the block to a visit after it."""
    vps.recovers()
    before = fingerprint(vps.node)
    yield
    vps.visited()
    vps.recovers()
    assert not differences(before, fingerprint(vps.node))


def images(operator: Installed) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in operator.pods().values()}


def test_an_upgrade_and_its_rollback(vps: Vps, operator: Installed, newer: str) -> None:
    image, led = operator.image, operator.leads()
    with untouched(vps):
        operator.image = newer
        operator.install(log={"level": "DEBUG"}, policy={"maxDisrupted": 2})
    assert images(operator) == {newer}
    assert operator.leads().transitions > led.transitions

    with untouched(vps):
        operator.helm("rollback", NAME, "--wait", "--timeout", "5m")
    assert images(operator) == {image}


def test_a_new_key_in_the_secret(vps: Vps, lab: Lab) -> None:
    old = vps.node.keys
    folder = lab.state / "new-key"
    folder.mkdir()
    new = Keys.make(folder)
    with vps.watched() as states:
        vps.node.run(f"echo '{new.public}' >>/root/.ssh/authorized_keys")
        vps.cluster.apply(fleet.key_secret(new.private))
        vps.visited()
        vps.node.run(f"sed -i '\\|{old.public}|d' /root/.ssh/authorized_keys")
        vps.visited()
    assert states
    assert all(seen.ready for seen in states)
