"""A visit by the operator's own code, in this process: what node, wire and mind cost."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.cpu import account, of_node
from bench.line import line
from bench.say import Say, spread
from bench.setting import NAME, WHOLE, Setting
from kaitu.api.node import ASPECTS, validate
from kaitu.api.policy import Policy
from kaitu.api.resolve import desired
from kaitu.cluster.status import diff
from kaitu.core.aspect import Answer, Problem
from kaitu.core.command import CATALOGUE, Command, Done
from kaitu.core.containers import parse_docker
from kaitu.core.desired import Desired
from kaitu.core.facts import parse_host
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.core.transport import Transport
from kaitu.engine import report, verdicts
from kaitu.engine.admit import Brake, Claims, Identity
from kaitu.engine.look import Managed, manage
from kaitu.engine.report import Subject
from kaitu.engine.slots import Slots
from kaitu.engine.visit import Orders, visit
from kaitu.remote import frame, loader
from kaitu.remote.connection import Connection
from kaitu.remote.exec import Exec
from kaitu.remote.ssh import Target, connect, learn
from lab.node import Node
from lab.stack import stack

ONE_WAY = 0.05  # seconds
ROUNDS, IN_A_ROUND, COLD, BACK_TO_BACK, KEPT, IDLE = 7, 200, 20, 41, 40, 15
NONCE = "0" * 32


@dataclass(frozen=True)
class Wanted:
    """What one visit of the setting's node works from."""

    managed: tuple[Managed, ...]
    desired: Desired
    target: Target

    @property
    def fragments(self) -> dict[str, bytes]:
        place = f"{self.desired.directory}\n".encode()
        asked: dict[str, bytes] = {"host": place, "docker": place}
        for one in self.managed:
            asked |= one.aspect.probe(one.want).fragments
        return asked


def wanted(node: Node, spec: Mapping[str, Any] = WHOLE) -> Wanted:
    """Of the spec as the operator has it, in mode Observe."""
    to = {
        "host": node.address,
        "port": node.port,
        "user": "root",
        "privateKeySecretRef": {"name": "key"},
        "hostKeys": [node.host_key],
    }
    read = validate({"connection": to, "mode": "Observe", **spec})
    assert read.compose
    values = {read.compose.reference: Secret(stack("v1"))}
    found = desired("bench", NAME, read, values, Policy())
    key = Secret(node.keys.private)
    target = Target(node.address, node.port, "root", key, (node.host_key,))
    return Wanted(manage(ASPECTS.values(), found), found, target)


def allow(_: str) -> None:
    """The policy that allows every address."""


async def opened(target: Target) -> Connection:
    return await connect(target, allow)


def trips(setting: Setting, say: Say) -> None:
    """How often the operator waits for the node, on a line that counts."""
    cold, warm = asyncio.run(_trips(wanted(setting.node)))
    how = f"counted on a line of {2000 * ONE_WAY:.0f} ms"
    say("round trips of a warm no-op visit", str(warm), how)
    say("round trips of a cold visit", str(cold), f"{how}; TCP, key exchange, login, probe")


async def _trips(one: Wanted) -> tuple[int, int]:
    with line(one.target.host, one.target.port, ONE_WAY) as far:
        connection = await opened(replace(one.target, host="127.0.0.1", port=far.port))
        await connection.probe(one.fragments)
        cold = far.round_trips()
        far.clear()
        await connection.probe(one.fragments)
        warm = far.round_trips()
        connection.close()
    return cold, warm


def cold(setting: Setting, say: Say) -> None:
    """Of a login and a probe, what is not the key exchange: that alone is measured beside it."""
    whole, kex = asyncio.run(_cold(wanted(setting.node)))
    beside = [1000 * (a - b) for a, b in zip(whole, kex, strict=True)]
    say("operator CPU of a cold visit", spread([1000 * s for s in whole], "ms"), "login and probe")
    say("of it beside the key exchange", spread(beside, "ms"), f"{COLD} of both in turn")


async def _cold(one: Wanted) -> tuple[list[float], list[float]]:
    async def visit_once() -> None:
        connection = await opened(one.target)
        await connection.probe(one.fragments)
        connection.close()

    async def greet() -> None:
        await learn(one.target, allow)

    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(COLD):
        for work, figures in zip((visit_once, greet), spent, strict=True):
            began = time.process_time()
            await work()
            await asyncio.sleep(0)
            figures.append(time.process_time() - began)
    return spent


def kept(setting: Setting, say: Say) -> None:
    """What connections cost that no visit uses."""
    spent = asyncio.run(_kept(wanted(setting.node)))
    figure = f"{60_000 * spent / IDLE / KEPT:.2f} ms"
    say("operator CPU of an idle connection, per minute", figure, f"{KEPT} of them for {IDLE} s")


async def _kept(one: Wanted) -> float:
    connections = [await opened(one.target) for _ in range(KEPT)]
    await asyncio.sleep(1)
    began = time.process_time()
    await asyncio.sleep(IDLE)
    spent = time.process_time() - began
    for connection in connections:
        connection.close()
    return spent


@dataclass
class Replay:
    """A transport that gives the stream of a real node's answer again, byte for byte."""

    stream: bytes
    ports: dict[int, str]
    known: bytes = b""

    async def probe(self, data: Mapping[str, bytes]) -> dict[str, Answer]:
        return frame.fragments(frame.parse(self.stream, NONCE), data.keys())

    async def dial(self, _: tuple[int, ...]) -> dict[int, str]:
        return self.ports

    async def read(self, command: Command) -> dict[str, Answer]:
        raise NotImplementedError

    async def write(self, command: Command, guard: tuple[str, ...]) -> Done:
        raise NotImplementedError


def mind(setting: Setting, say: Say) -> None:
    """Frame, parse, plan, verdicts, status, and the comparison with the status that is there."""
    one = wanted(setting.node)
    transport = Replay(*asyncio.run(_recorded(one)))
    status = dict(setting.cluster.get("kaitunode", NAME)["status"])
    now = datetime.now(UTC)
    _, status = asyncio.run(_think(one, transport, status, now))  # as Observe has it
    figures = []
    for _ in range(ROUNDS):
        began = time.process_time()
        patch = asyncio.run(_thought(one, transport, status, now))
        figures.append(1000 * (time.process_time() - began) / IN_A_ROUND)
    assert not patch, patch
    how = f"{len(transport.stream)} bytes of a real node; {ROUNDS} rounds of {IN_A_ROUND}"
    say("parse, plan and report of a no-op", spread(figures, "ms", 3), how)


def together(setting: Setting, say: Say) -> None:
    """The same over an open connection to the real node: what SSH adds to it."""
    one = wanted(setting.node)
    status = dict(setting.cluster.get("kaitunode", NAME)["status"])
    figures = asyncio.run(_together(one, status))
    how = f"SSH, parse, plan, report, in one process; {BACK_TO_BACK} of them"
    say("operator CPU of no-op visits, back to back", spread(figures, "ms"), how)


async def _together(one: Wanted, status: Any) -> list[float]:
    connection, now, figures = await opened(one.target), datetime.now(UTC), []
    for _ in range(BACK_TO_BACK):
        began = time.process_time()
        _, status = await _think(one, connection, status, now)
        figures.append(1000 * (time.process_time() - began))
    connection.close()
    return figures[1:]


async def _thought(one: Wanted, transport: Replay, status: Any, now: datetime) -> Any:
    for _ in range(IN_A_ROUND):
        patch, _ = await _think(one, transport, status, now)
    return patch


async def _think(one: Wanted, transport: Transport, status: Any, now: datetime) -> Any:
    parse_host.cache_clear()  # it differs each time
    seen = await visit(one.managed, one.desired, transport, _orders())
    findings = verdicts.of_visit(seen, flapping=False)
    subject = Subject(1, status, "revision")
    told = report.of_visit(subject, seen, findings, now, {})
    report.events(subject, seen, findings)
    return diff(status, told), told


def _orders() -> Orders:
    async def announce(_: str) -> Problem:
        return Problem(Reason.WAITING_FOR_API, "nothing is begun")

    return Orders(
        identity=Identity("bench", "bench", NAME, 1, "bench"),
        claims=Claims(),
        brake=Brake(("bench", NAME), Slots(lambda: 1)),
        may_write=lambda: False,
        announce=announce,
        superseded=lambda: False,
    )


async def _recorded(one: Wanted) -> tuple[bytes, dict[int, str]]:
    connection = await opened(one.target)
    data = one.fragments
    command = Command(
        "probe", tuple(f"{n}:{len(d)}" for n, d in data.items()), b"".join(data.values())
    )
    work = Exec(loader.payload(command), CATALOGUE["probe"].most_bytes)
    outcome = await work.run(connection._ssh, loader.argv(command, NONCE, (), sudo=False))
    ports = await connection.dial((443,))
    connection.close()
    return outcome.stdout, ports


def on_the_node(setting: Setting, say: Say) -> None:
    """By the kernel's account of the node's container, less what it does without us meanwhile."""
    one, node = wanted(setting.node), setting.node
    file = of_node(setting.lab.docker, node)
    kernel_only = wanted(node, {name: WHOLE[name] for name in ("compose", "sysctl")})
    for what, asked in (("all sections", one), ("compose and sysctl", kernel_only)):
        figures, took = asyncio.run(_on_the_node(file, asked))
        say(
            "CPU on the node of a no-op visit",
            spread(figures, "ms", 0),
            f"{what}; Docker included",
        )
        say("time of it on the node", spread(took, "ms", 0), f"{what}; on the open connection")


def docker(setting: Setting, say: Say) -> None:
    """What a no-op visit has to start on the node, by the shell's own account of its children."""
    for command in ("docker compose version", "docker version", "docker ps -aq --no-trunc"):
        script = f"for n in 1 2 3 4 5 6 7 8 9 10; do {command} >/dev/null; done; times"
        minutes = re.findall(r"(\d+)m([0-9.]+)s", setting.node.run(script).splitlines()[-1])
        spent = sum(60 * int(minute) + float(second) for minute, second in minutes)
        say(
            f"CPU on the node of {command}",
            f"{100 * spent:.0f} ms",
            "of 10; the Engine's part is not in it",
        )


async def _on_the_node(file: Path, one: Wanted) -> tuple[list[float], list[float]]:
    connection, asked = await opened(one.target), one.fragments
    found = await connection.probe(asked)
    asked["docker"] += parse_docker(found["docker"]).known
    used, at = account(file), time.monotonic()
    await asyncio.sleep(5)
    idle = (account(file) - used) / (time.monotonic() - at)
    figures, took = [], []
    for _ in range(ROUNDS):
        used, began = account(file), time.monotonic()
        for _ in range(3):
            at = time.monotonic()
            await connection.probe(asked)
            took.append(1000 * (time.monotonic() - at))
        spent = account(file) - used - idle * (time.monotonic() - began)
        figures.append(1000 * spent / 3)
    connection.close()
    return figures, took
