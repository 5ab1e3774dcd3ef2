"""Names are resolved once and in time, the policy sees what is dialled, our limits are ours."""

import asyncio
import errno
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote import wire
from kaitu.remote.dial import dial
from remote.servers import allow, run

Names = dict[str, Any]


async def listen() -> asyncio.Server:
    return await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)


def port_of(server: asyncio.Server) -> int:
    found: int = server.sockets[0].getsockname()[1]
    return found


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: int = server.getsockname()[1]
    return found


@contextmanager
def full_port() -> Iterator[int]:
    """A port whose queue is full: the kernel drops what comes, as a packet filter would."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            with suppress(BlockingIOError):
                caller.connect(server.getsockname())
        try:
            yield server.getsockname()[1]
        finally:
            for caller in callers:
                caller.close()


@contextmanager
def out_of_files() -> Iterator[None]:
    """No file descriptor is left to this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as highest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest.fileno() + 1, hard))
        spare = []
        try:
            with suppress(OSError):
                while True:
                    spare.append(socket.socket())
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for each in spare:
                each.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """A resolver: name to addresses, or to what it raises; ``asked`` holds what it was asked."""
    known: Names = {"asked": []}

    def look(host: str, *_: Any, **__: Any) -> list[Any]:
        known["asked"].append(host)
        found = known[host]
        if isinstance(found, Exception):
            raise found
        if callable(found):
            found = found()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    return known


def failing(host: str, port: int = 9, denied: wire.Denied = allow) -> KaituError:
    async def test() -> KaituError:
        with pytest.raises(KaituError) as caught:
            await wire.reach(host, port, denied)
        return caught.value

    found: KaituError = run(test())
    return found


# Names


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Reason.DNS_NOT_FOUND),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), Reason.DNS_ERROR),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), Reason.DNS_ERROR),
        (socket.gaierror(socket.EAI_SYSTEM, "System error"), Reason.DNS_ERROR),
    ],
)
def test_a_missing_name_is_not_a_dead_resolver(
    names: Names, error: Exception, reason: Reason
) -> None:
    names["node.test"] = error
    assert failing("node.test").reason is reason


def test_what_cannot_be_a_name_does_not_exist() -> None:
    assert failing("a" * 64 + ".test").reason is Reason.DNS_NOT_FOUND


def test_a_resolver_that_hangs_is_given_up(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """And addresses do not wait for it, however many of its threads hang."""
    monkeypatch.setattr(wire, "RESOLVE_SECONDS", 0.1)
    go = threading.Event()
    names["node.test"] = lambda: go.wait(10) and ["127.0.0.1"]

    async def test() -> None:
        found = await asyncio.gather(
            *(wire.resolve("node.test") for _ in range(8)), return_exceptions=True
        )
        assert {getattr(each, "reason", None) for each in found} == {Reason.DNS_ERROR}
        assert await wire.resolve("192.0.2.7") == ("192.0.2.7",)

    try:
        run(test())
    finally:
        go.set()


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "::ffff:a9fe:a9fe"])
def test_an_address_is_not_looked_up(names: Names, address: str) -> None:
    assert run(wire.resolve(address)) == (address,)
    assert names["asked"] == []


def test_a_name_is_resolved_once_and_dialled_as_it_was_checked(names: Names) -> None:
    """A name that changes its answer cannot get around the policy."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    names["node.test"] = lambda: next(answers)
    checked: list[str] = []

    async def test() -> None:
        async with await listen() as server:
            link = await wire.reach("node.test", port_of(server), checked.append)
            assert link.getpeername()[0] == link.address == "127.0.0.1"
            link.close()

    run(test())
    assert checked == ["127.0.0.1"]
    assert names["asked"] == ["node.test"]


def test_the_next_address_is_tried(names: Names) -> None:
    names["node.test"] = ["127.0.0.2", "127.0.0.1"]

    async def test() -> None:
        async with await listen() as server:
            link = await wire.reach("node.test", port_of(server), allow)
            assert link.address == "127.0.0.1"
            link.close()

    run(test())


def test_nothing_is_dialled_when_one_address_is_denied(names: Names) -> None:
    names["node.test"] = ["127.0.0.1", "169.254.169.254"]

    def denied(address: str) -> str | None:
        return "hosts.deny 169.254.0.0/16" if address.startswith("169.") else None

    async def test() -> KaituError:
        dialled: list[object] = []
        server = await asyncio.start_server(lambda *link: dialled.append(link), "127.0.0.1", 0)
        async with server:
            with pytest.raises(KaituError) as caught:
                await wire.reach("node.test", port_of(server), denied)
        assert dialled == []
        return caught.value

    error = run(test())
    assert error.reason is Reason.HOST_DENIED
    assert "169.254.169.254" in error.message
    assert "hosts.deny 169.254.0.0/16" in error.message


# Dialling


def test_a_closed_port_refuses() -> None:
    assert failing("127.0.0.1", closed_port()).reason is Reason.DIAL_REFUSED


def test_a_silent_port_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "DIAL_SECONDS", 0.3)
    with full_port() as port:
        assert failing("127.0.0.1", port).reason is Reason.DIAL_TIMEOUT


def test_silent_addresses_share_the_time_of_one(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "DIAL_SECONDS", 0.6)
    names["node.test"] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    tried: list[str] = []

    async def connect(_: object, address: tuple[str, int]) -> None:
        tried.append(address[0])
        await asyncio.Event().wait()

    async def test() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect, raising=False)
        async with asyncio.timeout(1.2):
            with pytest.raises(KaituError) as caught:
                await wire.reach("node.test", 22, allow)
        assert caught.value.reason is Reason.DIAL_TIMEOUT

    run(test())
    assert tried == names["node.test"]


def test_no_route_is_not_the_nodes_fault() -> None:
    assert failing("255.255.255.255").reason is Reason.DIAL_UNREACHABLE


def test_a_refusal_is_said_in_plain_words() -> None:
    port = closed_port()
    assert failing("127.0.0.1", port).message == f"127.0.0.1 port {port}: Connection refused"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EHOSTUNREACH, Reason.DIAL_UNREACHABLE),
        (errno.ECONNRESET, Reason.DIAL_UNREACHABLE),
        (errno.ETIMEDOUT, Reason.DIAL_TIMEOUT),
        (errno.EADDRNOTAVAIL, Reason.OBSERVER_DEGRADED),
        (errno.EPERM, Reason.OBSERVER_DEGRADED),
    ],
)
def test_what_the_kernel_says_is_named(
    number: int, reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def connect(*_: Any) -> None:
        raise OSError(number, "as told")

    async def test() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect, raising=False)
        with pytest.raises(KaituError) as caught:
            await wire.reach("192.0.2.1", 22, allow)
        assert caught.value.reason is reason

    run(test())


def test_our_own_want_of_files_says_nothing_about_the_node() -> None:
    async def test() -> None:
        with out_of_files():
            with pytest.raises(KaituError) as reached:
                await wire.reach("127.0.0.1", 22, allow)
            with pytest.raises(KaituError) as dialled:
                await dial("127.0.0.1", [22])
        assert reached.value.reason is Reason.OBSERVER_DEGRADED
        assert dialled.value.reason is Reason.OBSERVER_DEGRADED

    run(test())


def test_ports_are_told_apart() -> None:
    async def test() -> None:
        async with await listen() as server:
            with full_port() as silent:
                opened, closed = port_of(server), closed_port()
                found = await dial("127.0.0.1", [opened, closed, silent], timeout=0.5)
                assert found == {opened: "open", closed: "refused", silent: "timeout"}
        assert await dial("255.255.255.255", [80]) == {80: "unreachable"}
        assert await dial("127.0.0.1", []) == {}

    run(test())
