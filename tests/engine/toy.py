"""A toy aspect and a toy machine: enough to test the engine's decisions, nothing about nodes.

The machine is one number that the aspect wants to have; no SSH, no shell, no Docker is imitated.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kaitu.core.aspect import Answer, Answers, Aspect, Probe, Problem
from kaitu.core.command import Command, Done
from kaitu.core.desired import Desired
from kaitu.core.errors import KaituError
from kaitu.core.models import SectionSpec
from kaitu.core.plan import Disrupts, Plan, Step
from kaitu.core.reasons import Reason
from kaitu.engine.admit import Brake, Claims, Identity
from kaitu.engine.slots import Slots
from kaitu.engine.visit import Orders

HOST = (
    "time\t1000\nboot\t900\nos\tRGViaWFu\nkernel\t6.1\narch\tx86_64\ncpus\t2\nmemTotal\t2048\n"
    "memAvailable\t1024\nload\t0.10\netc\trw\ndisk\tLw==\t1000\t10\nowner\t{owner}\n"
    "fence\t-\nmachine\tabc\n"
)
IDENTITY = Identity("inst", "default", "n1", 1, "p1")


class Number(SectionSpec):
    """The number that the machine should show."""

    number: int = 1


def aspect(
    name: str = "number",
    reads: tuple[str, ...] = (),
    disrupts: Disrupts = Disrupts.NOTHING,
    problem: Problem | None = None,
    release: str = "",
    *,
    refused: bool = False,
    whole: bool = False,
    finishes: bool = False,
) -> Aspect[Any, Any, Any]:
    def want(section: Number, _: Desired) -> Number:
        if refused:
            raise KaituError(Reason.REFERENCE_NOT_FOUND, "ConfigMap c does not exist")
        return section

    def parse(answers: Answers, _: Mapping[str, Any]) -> int:
        return int(answers[name].out)

    def plan(want: Number, have: int) -> Plan:
        if want.number == have:
            return ()
        command = Command("put_file", (name, str(want.number)))
        text = f"set {name}: {have} -> {want.number}"
        step = Step(text, command, disrupts, item=name, release=release, finishes=finishes)
        at_once = replace(step, text=f"all of {name}", disrupts=Disrupts.SERVICES)
        return (replace(step, at_once=at_once, release="") if whole else step,)

    return Aspect(
        name=name,
        want=want,
        probe=lambda _: Probe({name: b""}),
        parse=parse,
        plan=plan,
        problem=lambda _, __: problem,
        report=lambda _, __: {},
        reads=reads,
    )


@dataclass
class Machine:
    """Numbers by name; ``stubborn`` ones do not change, ``codes`` are answered instead of OK.

    When ``silent`` it answers no more than a probe.
    """

    numbers: dict[str, int] = field(default_factory=lambda: {"number": 0})
    owner: str = "inst\tdefault/n1"
    docker: str = "engine\tok\t26.1.5\t2.26.1\n"
    stubborn: bool = False
    silent: bool = False
    fails: Reason | None = None
    codes: dict[str, str] = field(default_factory=dict)
    wrote: list[Command] = field(default_factory=list)
    probes: int = 0
    reads: list[Command] = field(default_factory=list)
    known: bytes = b""
    told: bytes = b""

    async def probe(self, data: Mapping[str, bytes]) -> dict[str, Answer]:
        self.probes += 1
        self.told = data["docker"]
        known = {"host": HOST.format(owner=self.owner), "docker": self.docker}
        return {
            name: Answer(0, known.get(name, str(self.numbers.get(name, 0))).encode())
            for name in data
        }

    async def read(self, command: Command) -> dict[str, Answer]:
        self.reads.append(command)
        if self.silent:
            await asyncio.Event().wait()
        if self.fails:
            raise KaituError(self.fails, "the connection broke")
        return {command.script: Answer(0, str(self.numbers["number"]).encode())}

    async def dial(self, ports: tuple[int, ...]) -> dict[int, str]:
        return dict.fromkeys(ports, "open")

    async def write(self, command: Command, guard: tuple[str, ...]) -> Done:
        self.wrote.append(command)
        if self.fails:
            raise KaituError(self.fails, "the connection broke")
        if code := self.codes.get(command.script):
            return Done(code)
        if command.script == "claim":
            self.owner = f"{guard[0]}\t{guard[1]}"
        elif not self.stubborn:
            self.numbers[command.words[0]] = int(command.words[1])
        return Done("OK")

    @property
    def scripts(self) -> list[str]:
        return [command.script for command in self.wrote]


def desired(**sections: SectionSpec | KaituError) -> Desired:
    return Desired("default", "n1", sections or {"number": Number()}, {})


def orders(
    *,
    adopt: bool = False,
    ids: frozenset[str] = frozenset(),
    limit: int = 1,
    slots: Slots | None = None,
    announced: bool = True,
    leads: bool = True,
    superseded: bool = False,
    frozen: Callable[[], bool] = lambda: False,
    left: float = 60,
) -> Orders:
    async def announce(_: str) -> Problem | None:
        return None if announced else Problem(Reason.WAITING_FOR_API, "")

    return Orders(
        identity=IDENTITY,
        claims=Claims(adopt, ids),
        brake=Brake(("default", "n1"), slots or Slots(lambda: limit)),
        may_write=lambda: leads,
        announce=announce,
        superseded=lambda: superseded,
        frozen=frozen,
        left=lambda: left,
    )


LIVING = Reason.ADOPTION_REQUIRED
