"""Who leads, on a real server, with real processes that are killed, frozen and cut off."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kaitu.cluster.api import Api, Unavailable
from kaitu.cluster.shards import Shards
from kaitu.cluster.tenure import LASTS, NAME, RENEW_EVERY, TRUSTED
from lab.cluster import Cluster
from lab.command import Child, Failed
from lab.controlplane import ControlPlane
from lab.wait import until
from rights import Account, connected, eventually

ROOT = Path(__file__).parents[2]
# Says every tenth of a second what time it is, by the clock of all processes, and may_write.
PROGRAM = """
import asyncio, sys, time
from kaitu.cluster.api import Api, Unavailable
from kaitu.cluster.shards import Shards

async def main(kubeconfig, namespace):
    api = await Api.connect(kubeconfig)
    leader = Shards(api, namespace)
    print("waits", flush=True)
    await leader.acquire()
    print("leads", leader.identity, flush=True)
    renewing = asyncio.create_task(leader.run())
    while not leader.lost.is_set():
        print(time.monotonic(), leader.may_write(), flush=True)
        await asyncio.sleep(0.1)
    print("lost", leader.may_write(), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@dataclass(frozen=True)
class Process:
    """A real process that wants the lease."""

    child: Child

    @classmethod
    def start(cls, account: Account, log: Path) -> "Process":
        arguments = (str(account.kubeconfig), account.cluster.namespace)
        path = f"PYTHONPATH={ROOT / 'operator'}"
        return cls(Child.start("env", path, sys.executable, "-c", PROGRAM, *arguments, log=log))

    def lines(self) -> list[list[str]]:
        self.child.check()
        return [line.split() for line in self.child.log.read_text().splitlines()]

    def said(self, word: str) -> bool:
        return any(line[0] == word for line in self.lines())

    def writing(self) -> list[float]:
        """When it believed that it may write."""
        lines = [line.split() for line in self.child.log.read_text().splitlines()]
        return [float(line[0]) for line in lines if line[1:] == ["True"] and line[0][0].isdigit()]

    def send(self, number: int) -> None:
        os.kill(self.child.process.pid, number)


@pytest.fixture
def account(namespace: Cluster) -> Account:
    return Account.of(namespace)


@dataclass(frozen=True)
class Change:
    """What a leader said that something happened to, and the one that came after it."""

    account: Account
    first: Process
    second: Process

    @classmethod
    def prepare(cls, account: Account, folder: Path) -> "Change":
        name = account.cluster.namespace
        first = Process.start(account, folder / f"{name}-first.log")
        until(lambda: first.said("leads"), 30, "first leader")
        second = Process.start(account, folder / f"{name}-second.log")
        until(lambda: second.said("waits"), 30, "second process")
        return cls(account, first, second)

    def end(self) -> None:
        for process in (self.first, self.second):
            process.child.process.kill()
            process.child.process.wait()


def spec(account: Account) -> dict[str, Any]:
    found: dict[str, Any] = account.cluster.get("lease", NAME)["spec"]
    return found


@pytest.fixture
def changes(plane: ControlPlane, tmp_path: Path) -> Iterator[list[Change]]:
    """Two leaders, one to be killed and one to be frozen: it takes as long as one alone."""
    found: list[Change] = []
    try:
        for _ in range(2):
            found.append(Change.prepare(Account.of(Cluster.fresh(plane)), tmp_path))
        yield found
    finally:
        for change in found:
            change.end()


def test_killed_or_frozen_leader_is_followed_and_never_two_at_once(changes: list[Change]) -> None:
    killed, frozen = changes
    killed.first.send(signal.SIGKILL)
    frozen.first.send(signal.SIGSTOP)
    at = time.monotonic()
    for change in changes:
        until(change.second.writing, 60, "takeover")
        after = change.second.writing()[0] - at
        assert LASTS - RENEW_EVERY - 1 < after <= 20
        assert max(change.first.writing()) < min(change.second.writing())
        assert spec(change.account)["leaseTransitions"] == 1
    frozen.first.send(signal.SIGCONT)
    until(lambda: frozen.first.child.process.poll() is not None, 30, "end of the frozen one")
    assert max(frozen.first.writing()) < at + 1
    assert "lost False" in frozen.first.child.log.read_text()


def test_of_many_that_want_it_one_leads_and_hands_over(account: Account) -> None:
    """Each release lets another one in at once, until all have led."""
    space = account.cluster.namespace

    async def use() -> list[str]:
        async with contextlib.AsyncExitStack() as stack:
            apis = [
                await stack.enter_async_context(connected(account.kubeconfig)) for _ in range(4)
            ]
            waiting = {Shards(api, space) for api in apis}
            tasks = {leader: asyncio.create_task(leader.acquire()) for leader in waiting}
            order = []
            while waiting:
                await eventually(lambda: any(one.may_write() for one in waiting), 10, "leader")
                (leader,) = [one for one in waiting if one.may_write()]
                order.append(leader.identity)
                assert await leader.renew()
                await leader.release()
                assert not leader.may_write()
                waiting.remove(leader)
                await tasks[leader]
            return order

    order = asyncio.run(use())
    assert len(set(order)) == 4
    assert spec(account)["holderIdentity"] == ""
    assert spec(account)["leaseTransitions"] == 3


def test_lost_lease_is_noticed_and_not_taken_back(account: Account) -> None:
    """Another holder, a release by hand, a deleted lease: each ends the leader."""
    space = account.cluster.namespace
    other = '{"spec":{"holderIdentity":"another","leaseDurationSeconds":1}}'
    nobody = '{"spec":{"holderIdentity":""}}'

    async def lose(*kubectl: str) -> str:
        async with connected(account.kubeconfig) as api:
            leader = Shards(api, space)
            await asyncio.wait_for(leader.acquire(), 20)
            account.cluster.kubectl(*kubectl)
            assert not await leader.renew()
            assert leader.lost.is_set()
            assert not leader.may_write()
            await leader.release()
            return leader.identity

    mine = asyncio.run(lose("patch", "lease", NAME, "-p", other))
    assert spec(account)["holderIdentity"] == "another"
    assert asyncio.run(lose("patch", "lease", NAME, "-p", nobody)) != mine
    asyncio.run(lose("delete", "lease", NAME))
    with pytest.raises(Failed, match="not found"):
        spec(account)


def test_renewal_whose_answer_was_lost_does_not_cost_the_lease(account: Account) -> None:
    """The server took it, we never heard: the lease has moved, but it is still ours."""

    class Deaf(Api):
        """Loses the answers to renewals."""

        deaf = True

        async def urgent(self, method: str, *rest: Any, **more: Any) -> dict[str, Any]:
            answer = await super().urgent(method, *rest, **more)
            if method == "PUT" and self.deaf:
                raise Unavailable(0, "the answer was lost")
            return answer

    async def use() -> None:
        api = await Deaf.connect(str(account.kubeconfig))
        try:
            leader = Shards(api, account.cluster.namespace)
            await leader.acquire()
            assert [await leader.renew() for _ in range(2)] == [False, False]
            api.deaf = False
            assert await leader.renew()
            api.deaf = True
            assert not await leader.renew()
            api.deaf = False
            await leader.release()
        finally:
            await api.close()

    asyncio.run(use())
    assert spec(account)["holderIdentity"] == ""
    assert spec(account)["leaseTransitions"] == 0


def test_leader_outlives_a_short_outage_without_writing_too_long(account: Account) -> None:
    """may_write ends by the clock while the server is away; back, the lease is renewed."""
    now = time.monotonic
    ahead = 0.0

    async def use() -> None:
        nonlocal ahead
        async with connected(account.kubeconfig) as api:
            leader = Shards(api, account.cluster.namespace, clock=lambda: now() + ahead)
            await leader.acquire()
            account.cluster.plane.stop_apiserver()
            try:
                assert not await leader.renew()
                assert leader.may_write()
                ahead = TRUSTED
                assert not leader.may_write()
                assert not await leader.renew()
                assert not leader.lost.is_set()
            finally:
                account.cluster.plane.start_apiserver()
            assert await leader.renew()
            assert leader.may_write()

    asyncio.run(use())
