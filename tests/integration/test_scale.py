"""Three hundred simulated nodes on a real API server: nobody waits for who misbehaves, and nothing
is kept of who is gone. The nodes speak real SSH; what they tell was recorded (``lab.simnode``).
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from lab.audit import mark, writes
from lab.cluster import Cluster
from lab.controlplane import ControlPlane
from lab.fleet import Seen, key_secret, patch, wait, wait_ready
from lab.operator import Operator
from lab.run import Lab
from lab.sim import KEY, POLICY, Manners, Simulated, address, wanted
from lab.wait import until

BAD = {Manners.HANG: 60, Manners.FLOOD: 10, Manners.MUTE: 10, Manners.SLOW: 10}
GOOD, LONE = 200, 10
LONG = 240  # seconds: a deadline for a busy machine, not an expectation


@dataclass(frozen=True)
class Fleet:
    """``crowd`` has many nodes, and all the bad ones; ``lone`` has a few."""

    crowd: Cluster
    lone: Cluster
    nodes: Simulated
    operator: Operator

    def metric(self, name: str) -> float:
        found = re.search(
            rf"^{re.escape(name)} (\S+)$", self.operator.get("/metrics"), re.MULTILINE
        )
        return float(found[1]) if found else 0.0

    def visits(self) -> float:
        """How many ended well."""
        return self.metric('kaitu_visits_total{reason="Ready"}')

    def all_ready(self, cluster: Cluster, prefix: str, count: int) -> bool:
        items = json.loads(cluster.kubectl("get", "kaitunodes", "-o", "json"))["items"]
        ready = [one for one in items if one["metadata"]["name"].startswith(prefix)]
        return sum(Seen(one).ready for one in ready) == count


@pytest.fixture(scope="module")
def fleet(lab: Lab, plane: ControlPlane) -> Iterator[Fleet]:
    """The bad nodes come first, and hang in their places before the good ones come."""
    with ExitStack() as ending:
        nodes = Simulated.start(lab.state, lab.keys)
        ending.callback(nodes.stop)
        crowd, lone = Cluster.fresh(plane, "crowd"), Cluster.fresh(plane, "lone")
        policy = lab.state / "simulated-policy.yaml"
        policy.write_text(POLICY)
        operator = Operator.start(
            plane,
            lab.state / "operator-scale.log",
            *("--namespace", crowd.namespace, "--namespace", lone.namespace),
            *("--policy", str(policy)),
            level="INFO",
        )
        ending.callback(operator.stop)
        made = Fleet(crowd, lone, nodes, operator)
        for cluster in (crowd, lone):
            cluster.apply(key_secret(lab.keys.private))
        crowd.apply(*_bad(nodes))
        until(lambda: made.metric("kaitu_visits_in_progress") >= BAD[Manners.HANG], LONG, "hangs")
        yield made


def _bad(nodes: Simulated) -> list[dict[str, object]]:
    return [
        nodes.kaitu_node(f"{manners}-{n}", n, manners)
        for manners, count in BAD.items()
        for n in range(count)
    ]


def _good(nodes: Simulated, prefix: str, first: int, count: int) -> list[dict[str, object]]:
    return [
        nodes.kaitu_node(f"{prefix}-{n}", n, interval="10s") for n in range(first, first + count)
    ]


def test_nobody_waits_for_nodes_that_hang_and_the_few_not_for_the_many(fleet: Fleet) -> None:
    fleet.crowd.apply(*_good(fleet.nodes, "good", 0, GOOD))
    fleet.lone.apply(*_good(fleet.nodes, "lone", GOOD, LONE))

    # fifty places for all, as it was once, would be taken by those that hang for two minutes
    wait_ready(fleet.lone, f"lone-{GOOD}", 90)
    until(lambda: fleet.all_ready(fleet.lone, "lone", LONE), LONG, "lone nodes", pause=1)
    until(lambda: fleet.all_ready(fleet.crowd, "good", GOOD), LONG, "good nodes", pause=1)
    assert fleet.metric("kaitu_fleet_frozen") == 0


def _says(kind: str, reason: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.condition(kind).get("reason") == reason


def test_bad_nodes_are_told_apart(fleet: Fleet) -> None:
    for manners, kind, reason in (
        (Manners.MUTE, "Reachable", "BannerTimeout"),
        (Manners.FLOOD, "ProbeTrusted", "OutputOverflow"),
    ):
        wait(fleet.crowd, f"{manners}-1", _says(kind, reason), LONG, reason)
    wait_ready(fleet.crowd, f"{Manners.SLOW}-1", LONG)


def test_an_edit_is_applied_while_visits_go_on(fleet: Fleet) -> None:
    offset = fleet.nodes.mark()
    patch(fleet.crowd, "good-7", sysctl=wanted("second"))

    def reached() -> bool:
        return any(
            (one.address, one.value) == (address(7), "second")
            for one in fleet.nodes.applied(offset)
        )

    until(reached, LONG, f"edit of {KEY}")
    wait_ready(fleet.crowd, "good-7", LONG)


def test_a_visit_that_finds_nothing_writes_no_status(fleet: Fleet, plane: ControlPlane) -> None:
    """Neither of the one that was edited."""
    offset, before = mark(plane), fleet.visits()
    until(lambda: fleet.visits() > before + GOOD, LONG, "visits")

    of_good = [one for one in writes(plane, offset) if re.search(r"/(good|lone)-", one.uri)]
    assert of_good == []


def test_of_nodes_that_are_gone_nothing_is_kept(fleet: Fleet) -> None:
    """Many of them hang in a visit just then. The others are visited as before."""
    fleet.crowd.kubectl("delete", "kaitunodes", "--all", "--wait=false")
    until(lambda: fleet.metric("kaitu_nodes") == LONE, LONG, "gone nodes")
    until(lambda: fleet.metric("kaitu_visits_in_progress") <= LONE, LONG, "ended visits")
    until(lambda: fleet.metric("kaitu_ssh_connections") == LONE, LONG, "ended connections")

    assert fleet.crowd.namespace not in fleet.operator.get("/metrics")
    before = fleet.visits()
    until(lambda: fleet.visits() > before + LONE, LONG, "visits")
