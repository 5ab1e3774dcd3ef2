"""Events as people see them, on a real server."""

import asyncio
from dataclasses import dataclass

import pytest

from kaitu.cluster.events import MOST_NOTE, Recorder
from lab.cluster import Cluster
from rights import Account, connected

UID = "6f0f3c1e-0000-4000-8000-000000000001"


@dataclass(frozen=True)
class Note:
    reason: str
    note: str
    warning: bool = False


@pytest.fixture(scope="module")
def account(cluster: Cluster) -> Account:
    return Account.of(cluster)


def send(account: Account, name: str, *notes: Note) -> list[bool]:
    async def use() -> list[bool]:
        async with connected(account.kubeconfig) as api:
            recorder = Recorder(api)
            space = account.cluster.namespace
            return [await recorder.send(space, name, UID, note) for note in notes]

    return asyncio.run(use())


def test_event_is_listed_with_its_node(account: Account) -> None:
    assert send(account, "n1", Note("Applied", "wrote .env"), Note("GateFailed", "sick", True))
    shown = account.cluster.kubectl("events", "--for", "kaitunode/n1", "--no-headers")
    assert [line.split()[1:4] for line in sorted(shown.splitlines())] == [
        ["Normal", "Applied", "KaituNode/n1"],
        ["Warning", "GateFailed", "KaituNode/n1"],
    ]
    assert "wrote .env" in shown


def test_same_thing_is_said_once(account: Account) -> None:
    once = Note("DialTimeout", "no answer", True)
    assert send(account, "n2", once, once, Note("DialTimeout", "another", True)) == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("name", ["a" * 253, f"{'a' * 199}.{'b' * 53}"])
def test_longest_names_and_notes_are_taken(account: Account, name: str) -> None:
    assert send(account, name, Note("Applied", "ü" * MOST_NOTE)) == [True]


def test_event_that_cannot_be_written_is_left_out(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    """The namespace does not exist; the same event is tried again when it comes again."""

    async def use() -> list[bool]:
        async with connected(account.kubeconfig) as api:
            recorder, note = Recorder(api), Note("Applied", "x")
            return [await recorder.send("nowhere", "n", UID, note) for _ in range(2)]

    assert asyncio.run(use()) == [False, False]
    assert caplog.text.count("event Applied of n not sent") == 2
