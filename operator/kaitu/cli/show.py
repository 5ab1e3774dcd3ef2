"""What a person sees: progress while it goes on, and in the end what is true of each node."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.status import Status
from rich.text import Text

from kaitu.cli.verdict import DIFFERS, IN_SYNC, TROUBLE, Told
from kaitu.core.reasons import REASONS, Reason
from kaitu.engine.visit import Visit

_HEAD: Final = {
    IN_SYNC: ("in sync", "green"),
    DIFFERS: ("differs", "yellow"),
    TROUBLE: ("trouble", "red"),
}
_GOOD: Final = frozenset({"InSync", "Applied", "Observed", "Healthy", "DriftObserved"})
"""Reasons of an aspect of which nothing is left to be said."""
_WIDTH: Final = 9
_ENDLESS: Final = 4000


class _Net(Console):
    """The one way to a terminal: whatever a text was made of, it cannot steer it."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text
            if segment.control or text.isprintable():
                yield segment
            else:
                yield Segment(shown(text), segment.style)


def shown(text: str) -> str:
    """Text without what would move a cursor, ring a bell or turn the direction of writing."""
    return "".join(char if char.isprintable() or char == "\n" else "?" for char in text)


def console(*, stderr: bool = False, wrap: bool = False, width: int | None = None) -> Console:
    """Text of nodes is never markup; lines are wrapped by nobody but the terminal, unless told."""
    return _Net(
        stderr=stderr,
        markup=False,
        highlight=False,
        emoji=False,
        soft_wrap=not wrap,
        width=width,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def block(what: RenderableType) -> None:
    """Tables and paragraphs: a terminal wraps them; in a pipe a line is what grep finds."""
    out = console(wrap=True)
    if out.is_terminal:
        out.print(what)
        return
    out = console(wrap=True, width=_ENDLESS)
    with out.capture() as captured:
        out.print(what)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


class Progress:
    """What goes on with one node: one line that changes; without a terminal, a line per change."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._status: Status | None = None
        self._name = self._last = ""

    @contextmanager
    def about(self, name: str) -> Iterator[None]:
        """Everything that is said meanwhile is about this node."""
        self._name, self._last = name, ""
        if not self._out.is_terminal:
            yield
            return
        with self._out.status(Text(f"{name}: visiting")) as self._status:
            yield
        self._status = None

    def now(self, text: str) -> None:
        """What is being done at this moment."""
        if text == self._last:
            return
        self._last = text
        if self._status:
            self._status.update(Text(f"{self._name}: {text}"))
        else:
            self._out.print(f"{self._name}: {text}")

    def visited(self, found: Visit) -> None:
        """What a visit did, and what goes on there by itself since."""
        for outcome in found.outcomes.values():
            for step in outcome.applied:
                self._out.print(Text(f"{self._name}: done: {step.text}", style="green"))
        if going := phase(found):
            self.now(going)

    def result(self, told: Told) -> None:
        for line in lines(told):
            self._out.print(line)


def phase(found: Visit) -> str:
    """What the job that runs on the node says of itself; empty where none runs."""
    running = next((r for f in found.sight.facts.values() if (r := _running(f))), None)
    return f"the job {running.kind} runs on the node: {running.phase}" if running else ""


def _running(facts: Any) -> Any:
    return getattr(getattr(facts, "releases", None), "running", None)


def lines(told: Told) -> Iterator[Text]:
    """A node as text: a head, then a line for each thing that is to be done or is wrong."""
    word, style = ("suspended, not visited", "") if told.suspended else _HEAD[told.code]
    yield Text.assemble((told.key[1], "bold"), ": ", (word, style))
    yield from _steps(told.status)
    if told.conditions and not told.seen:
        yield from _wrong("", told.conditions["Ready"])
    else:
        for aspect in told.status.get("aspects", ()):
            yield from _wrong(aspect["name"], aspect)
    for name, problem in told.problems:
        yield from _wrong(name, {"reason": problem.reason, "message": problem.message})
    if held := told.status.get("revision", {}).get("held"):
        yield _line("held", f"{held}; an apply with --retry {held} tries it once more")
    for note in told.notes:
        yield _line("note", note)
    for one in told.status.get("findings", ()):
        yield _line("finding", f"{one['signature']}: {one.get('evidence', '')}")


def _steps(status: Any) -> Iterator[Text]:
    """The plan; what differs and is in no plan is being mended."""
    steps = status.get("plan", {}).get("steps", ())
    for step in steps:
        yield _line(step["aspect"], step["text"], (disruption(step), "yellow"))
    for one in () if steps else status.get("drift", ()):
        yield _line(one["aspect"], f"{one['kind']}: {one['item']}")


def disruption(step: Any) -> str:
    """What a step of a plan disturbs, service by service where that is known."""
    if step["disrupts"] == "nothing":
        return ""
    touched = ", ".join(f"{one['name']} {one['action']}" for one in step.get("services", ()))
    return f" (disrupts the {step['disrupts']}{': ' if touched else ''}{touched})"


def _wrong(name: str, said: Any) -> Iterator[Text]:
    reason = said["reason"]
    if reason in _GOOD:
        return
    message = f": {said['message']}" if said.get("message") else ""
    yield _line(name or "node", (str(reason), "red"), message)
    if reason in REASONS:  # that of a newer operator is none of ours
        yield _line("", (REASONS[Reason(reason)].hint, "dim"))


def _line(name: str, *parts: Any) -> Text:
    return Text.assemble("  ", (name.ljust(_WIDTH), "cyan"), *parts)


def as_json(told: Sequence[Told]) -> str:
    """The same for programs: for each node the status that the operator would write."""
    return json.dumps({"nodes": [_object(one) for one in told]}, indent=2)


def _object(told: Told) -> dict[str, Any]:
    return {
        "namespace": told.key[0],
        "name": told.key[1],
        "suspended": told.suspended,
        "inSync": told.code == IN_SYNC and not told.suspended,
        "code": told.code,
        "problems": [
            {"aspect": name, "reason": str(problem.reason), "message": problem.message}
            for name, problem in told.problems
        ],
        "notes": list(told.notes),
        "status": dict(told.status),
    }
