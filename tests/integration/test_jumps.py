"""A node that is reached over two jumps only: real sshd on each, a packet filter before each."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from integration.reach import SLACK, configured, host_of
from kaitu.api.policy import Policy, allows_address
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.remote.pool import Pool
from kaitu.remote.ssh import Target, connect
from lab import fleet
from lab.cluster import Cluster
from lab.faults import fault
from lab.fleet import Seen
from lab.keys import Keys
from lab.node import Node
from lab.operator import Operator
from lab.run import Lab
from lab.wait import until
from remote.servers import HOST_KEY, allow, public, run

CC = "net.ipv4.tcp_congestion_control"
SYSCTL = {"settings": [{"name": CC, "value": "bbr"}]}
USERS = ("ubuntu", "root", "root")


@dataclass(frozen=True)
class Way:
    """The first jump, the second, and the node behind them; each takes a key of its own."""

    one: Node
    two: Node
    node: Node

    @property
    def target(self) -> Target:
        one, two, node = map(_target, (self.one, self.two, self.node), USERS)
        return replace(node, jumps=(one, two))

    def connection(self) -> dict[str, Any]:
        """As it stands in a spec; the key of the node is learned, over the jumps."""
        one, two, node = map(_spec, (self.one, self.two, self.node), USERS)
        del node["hostKeys"]
        return {**node, "hostKeyPolicy": "TrustOnFirstUse", "jumps": [one, two]}

    def only_from_before(self) -> None:
        """Each lets in none but the host before it."""
        for before, after in ((self.one, self.two), (self.two, self.node)):
            rule = f"-p tcp --dport 1022 ! -s {before.address} -j DROP"
            after.run(f"iptables -I INPUT {rule}")


def _target(host: Node, user: str) -> Target:
    return Target(host.address, host.port, user, Secret(host.keys.private), (host.host_key,))


def _spec(host: Node, user: str) -> dict[str, Any]:
    made: dict[str, Any] = fleet.kaitu_node("x", host)["spec"]["connection"]
    return {**made, "user": user, "privateKeySecretRef": {"name": host.name}}


@pytest.fixture(scope="module")
def way(lab: Lab) -> Iterator[Way]:
    made = []
    for name in ("jump-1", "jump-2", "inner"):
        (lab.state / name).mkdir()
        keys = Keys.make(lab.state / name)
        made.append(Node.start(lab.docker, lab.network, name, keys=keys, engine=name == "inner"))
    found = Way(*made)
    found.only_from_before()
    yield found
    for host in made:
        host.remove()


def fails(to: Target, denied: Any = allow) -> KaituError:
    with pytest.raises(KaituError) as caught:
        run(connect(to, denied), 60)
    return caught.value


@contextmanager
def logged(host: Node) -> Iterator[Any]:
    """sshd's words from here on, also about connections on which nobody logs in."""
    with configured(host, "LogLevel VERBOSE\n"):
        start = host.run("date +%s.%N").strip()
        log = f"journalctl --no-pager -t sshd -t sshd-session --since @{start}"
        yield lambda: host.run(log)


# Without an operator


def test_there_is_no_other_way(way: Way) -> None:
    assert fails(replace(way.target, jumps=())).reason is Reason.DIAL_TIMEOUT
    only_one = replace(way.target, jumps=way.target.jumps[:1])
    assert fails(only_one).reason is Reason.DIAL_TIMEOUT


def test_each_host_sees_the_one_before_it(way: Way) -> None:
    async def test() -> None:
        link = await connect(way.target, allow)
        assert (await host_of(link)).kernel
        assert await link.dial((way.node.port, 9)) == {way.node.port: "open", 9: "refused"}
        link.close()

    with logged(way.two) as second, logged(way.node) as last:
        run(test(), 60)
        until(lambda: f"for root from {way.one.address}" in second(), 10, "word of jump 2")
        until(lambda: f"for root from {way.two.address}" in last(), 10, "word of the node")


def test_a_jump_with_another_key_sees_no_login(way: Way) -> None:
    one, two = way.target.jumps
    wrong = replace(two, host_keys=(public(HOST_KEY),))
    with logged(way.two) as said:
        error = fails(replace(way.target, jumps=(one, wrong)))
        assert error.reason is Reason.HOST_KEY_CHANGED
        assert error.message.startswith(f"jump 2 ({way.two.address}:1022): ")
        until(lambda: f"Connection from {way.one.address}" in said(), 10, "word of jump 2")
        until(lambda: "[preauth]" in said(), 10, "end of the connection")
        assert "user root" not in said()
        assert "publickey" not in said()


def test_an_address_that_the_policy_denies_is_not_asked_of_a_jump(way: Way) -> None:
    refused = f"{way.two.address}/32"
    policy = Policy.model_validate({"hosts": {"deny": [refused]}})
    with logged(way.two) as said:
        error = fails(way.target, lambda address: allows_address(policy, address))
        assert error.reason is Reason.HOST_DENIED
        assert error.message.startswith(f"jump 2 ({way.two.address}:1022): {way.two.address} is")
        assert "Connection from" not in said()
        fails(replace(way.target, host_keys=(public(HOST_KEY),)))  # the log would have shown it
        until(lambda: f"Connection from {way.one.address}" in said(), 10, "word of jump 2")


def test_a_jump_that_does_not_forward_is_named(way: Way) -> None:
    with configured(way.one, "AllowTcpForwarding no\n"):
        error = fails(way.target)
    assert error.reason is Reason.JUMP_FAILED
    assert error.message.startswith(f"jump 1 ({way.one.address}:1022): its sshd does not forward")


@pytest.mark.parametrize(
    ("name", "cause", "says", "seconds"),
    [
        ("sshd", Reason.DIAL_REFUSED, "connection refused", 5),
        ("drop", Reason.DIAL_TIMEOUT, "no answer", 10),
        ("freeze", Reason.BANNER_TIMEOUT, "nothing is said", 15),
        ("auth", Reason.AUTH_FAILED, "the user or the key was refused", 5),
    ],
)
def test_a_dead_jump_in_the_middle_is_named_with_its_cause(
    way: Way, name: str, cause: Reason, says: str, seconds: float
) -> None:
    to = way.target
    with fault(way.two, name):
        started = time.monotonic()
        error = fails(to)
        assert time.monotonic() - started < seconds + SLACK
    assert (error.reason, error.cause) == (Reason.JUMP_FAILED, cause)
    assert error.message.startswith(f"jump 2 ({way.two.address}:1022): ")
    assert says in error.message


def test_a_kept_way_whose_jump_freezes_is_given_up_in_time(way: Way) -> None:
    """Nothing says that the jump is gone: the keepalive finds out, and a new login names it."""

    async def test() -> None:
        pool, to = Pool(), way.target
        await host_of(await pool.session("inner", to, allow))
        kept = await pool.session("inner", to, allow)
        with ExitStack() as undo:
            await asyncio.to_thread(undo.enter_context, fault(way.two, "freeze"))
            started = time.monotonic()
            with pytest.raises(KaituError, match="jump 2") as caught:
                await host_of(kept)
            assert caught.value.cause is Reason.BANNER_TIMEOUT
            assert time.monotonic() - started < 20 + 10 + 2 * SLACK  # keepalive, then greeting
            await asyncio.to_thread(undo.close)
            pool.close_all()

    run(test(), 90)


# The operator


def test_the_operator_converges_it_and_names_the_jump_that_dies(
    way: Way, cluster: Cluster, operator: Operator
) -> None:
    def sees(check: Any, what: str) -> Seen:
        return fleet.wait(cluster, "inner", check, 90, what)

    way.node.run(f"sysctl -qw {CC}=reno")
    for host in (way.one, way.two, way.node):
        secret = fleet.key_secret(host.keys.private)
        cluster.apply({**secret, "metadata": {"name": host.name}})
    health = {"tcp": [{"port": 1022}]}  # which only the second jump can dial
    spec = {"connection": way.connection(), "sysctl": SYSCTL, "health": health}
    cluster.apply(fleet.kaitu_node("inner", way.node, **spec))

    fleet.wait_ready(cluster, "inner")
    assert way.node.run(f"sysctl -n {CC}").strip() == "bbr"
    known = cluster.get("configmap", "kaitu-known-hosts")["data"]
    assert known == {"inner": way.node.host_key}
    with fault(way.two, "sshd"):
        way.two.run("pkill -f '^sshd-session|^sshd: [^/]' || test $? = 1")
        seen = sees(lambda s: s.says("Reachable", "False", "JumpFailed"), "a dead jump")
        said = seen.condition("Reachable")["message"]
        assert said.startswith(f"jump 2 ({way.two.address}:1022): ")
    sees(lambda s: s.ready, "Ready")
