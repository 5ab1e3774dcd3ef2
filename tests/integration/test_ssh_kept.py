"""Connections that are kept: good for the next visit, or replaced without its notice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.remote.connection import Connection
from kaitu.remote.pool import Pool
from kaitu.remote.ssh import Target
from lab.faults import fault
from lab.node import Node
from lab.run import Lab
from lab.wait import until
from remote.servers import allow, run

NODE = {"engine": False}


def target(node: Node, user: str = "root") -> Target:
    return Target(node.address, node.port, user, Secret(node.keys.private), (node.host_key,))


@asynccontextmanager
async def pooled() -> AsyncIterator[Pool]:
    pool = Pool()
    try:
        yield pool
    finally:
        pool.close_all()


async def visit(pool: Pool, to: Target) -> Connection:
    """A look at the node over its kept connection, if there is one."""
    link = await pool.session("node", to, allow)
    assert (await link.probe({"host": b"/apps\n"}))["host"].rc == 0
    return link


async def reason_of(work: Awaitable[Any], within: float) -> Reason:
    """Why it failed; it must not take longer."""
    async with asyncio.timeout(within):
        with pytest.raises(KaituError) as caught:
            await work
    return caught.value.reason


@contextmanager
def changed(node: Node, do: str, undo: str) -> Iterator[None]:
    node.run(do)
    try:
        yield
    finally:
        node.run(undo)


def test_a_kept_connection_serves_every_visit_but_after_its_end(node: Node) -> None:
    """Its end is noticed before a visit; or by its first probe, when it comes right then."""

    async def test() -> None:
        async with pooled() as pool:
            first = await visit(pool, target(node))
            assert await visit(pool, target(node)) is first
            assert await pool.session("node", target(node), allow) is first
            with fault(node, "sessions"):
                assert (await first.probe({"host": b"/apps\n"}))["host"].rc == 0
            with fault(node, "sessions"):
                await ended(first)
            assert await visit(pool, target(node)) is not first

    run(test())


async def ended(link: Connection) -> None:
    async with asyncio.timeout(5):
        while link.alive:
            await asyncio.sleep(0.01)


STUCK = "/usr/local/sbin/date"
"""The first `date` that the probe finds."""


@pytest.fixture
def stuck(node: Node) -> Iterator[None]:
    """A probe never comes to its end, until the node's own `timeout` ends it."""
    program = f"printf '#!/bin/sh\nsleep 40\n' >{STUCK}; chmod 755 {STUCK}"
    with changed(node, program, f"rm -f {STUCK}; pkill -f '[s]leep 40' || true"):
        yield


@pytest.mark.usefixtures("stuck")
def test_a_visit_that_is_given_up_gives_up_its_connection(node: Node) -> None:
    async def test() -> None:
        before = asyncio.all_tasks()
        async with pooled() as pool:
            given_up = await pool.session("node", target(node), allow)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await visit(pool, target(node))
            assert not given_up.alive
            node.run(f"rm {STUCK}")
            assert await visit(pool, target(node)) is not given_up
        await nothing_left(before)

    run(test())


async def nothing_left(before: set[asyncio.Task[Any]]) -> None:
    """Every task that came since then has ended."""
    async with asyncio.timeout(5):
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("stuck")
def test_a_probe_that_is_cut_off_in_a_visit_is_not_asked_again(node: Node) -> None:
    """Only the first one of a visit is: later ones follow on what the visit has done."""

    async def test() -> None:
        async with pooled() as pool:
            link = await pool.session("node", target(node), allow)
            probe = asyncio.create_task(reason_of(link.probe({"host": b"/apps\n"}), 15))
            await asyncio.to_thread(until, lambda: node.run("pgrep -f '[s]leep 40'"), 10, "probe")
            with fault(node, "sessions"):
                assert await probe is Reason.CONNECTION_LOST
            assert not link.alive

    run(test())


SILENT = {
    "freeze": {Reason.BANNER_TIMEOUT},
    "drop": {Reason.DIAL_TIMEOUT},
    "unplug": {Reason.DIAL_TIMEOUT, Reason.DIAL_UNREACHABLE},
}
IN_TIME = 20 + 10 + 5
"""Seconds: four keepalives, the greeting that does not come, and a busy machine."""


def test_a_node_that_falls_silent_is_named_as_if_it_was_met_anew(lab: Lab) -> None:
    """All at once, as each takes its time: the kept connection dies first."""
    nodes = {name: lab.node(name, **NODE) for name in SILENT}

    async def one(name: str, node: Node) -> None:
        to = target(node)
        async with pooled() as pool:
            await visit(pool, to)
            with fault(node, name):
                assert await reason_of(visit(pool, to), IN_TIME) in SILENT[name]
            await again(pool, to)

    async def test() -> None:
        await asyncio.gather(*(one(name, node) for name, node in nodes.items()))

    run(test(), 90)
    for node in nodes.values():
        node.remove()


async def again(pool: Pool, to: Target) -> None:
    """The first visit after a fault may meet its last moments."""
    async with asyncio.timeout(30):
        while True:
            try:
                await visit(pool, to)
            except KaituError:
                await asyncio.sleep(0.1)
            else:
                return


SUDOERS = {
    "password": "ubuntu ALL=(ALL) ALL",
    "one command": "ubuntu ALL=(ALL) NOPASSWD: /usr/bin/true",
    "not as root": "ubuntu ALL=(nobody) NOPASSWD: ALL",
    "others": "root ALL=(ALL) ALL",
    "terminal": "Defaults requiretty\nubuntu ALL=(ALL) NOPASSWD: ALL",
}
WRITE = "cp -p /etc/sudoers.d/ubuntu /root/kept; cat >/etc/sudoers.d/ubuntu <<'X'\n{}\nX\n"
RESTORE = "mv /root/kept /etc/sudoers.d/ubuntu"


@pytest.mark.parametrize("rules", SUDOERS.values(), ids=SUDOERS)
def test_no_privilege_costs_no_connection(node: Node, rules: str) -> None:
    async def test() -> None:
        to = target(node, "ubuntu")
        async with pooled() as pool:
            link = await visit(pool, to)
            with changed(node, WRITE.format(rules), RESTORE):
                assert await reason_of(visit(pool, to), 10) is Reason.NO_PRIVILEGE
            assert await visit(pool, to) is link

    run(test())
