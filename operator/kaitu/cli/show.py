"""What a person sees: progress while it goes on, and in the end what is true of each node."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from rich.console import Console
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


def console(*, stderr: bool = False) -> Console:
    """Text of nodes is never markup, and is wrapped by nobody but the terminal."""
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)


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
        yield _line("finding", f"{one['signature']}: {one['evidence']}")


def _steps(status: Any) -> Iterator[Text]:
    for step in status.get("plan", {}).get("steps", ()):
        yield _line(step["aspect"], step["text"], (_disruption(step), "yellow"))


def _disruption(step: Any) -> str:
    if step["disrupts"] == "nothing":
        return ""
    touched = ", ".join(f"{one['name']} {one['action']}" for one in step.get("services", ()))
    return f" (disrupts the {step['disrupts']}{': ' if touched else ''}{touched})"


def _wrong(name: str, said: Any) -> Iterator[Text]:
    reason = Reason(said["reason"])
    if reason in _GOOD:
        return
    message = f": {said['message']}" if said["message"] else ""
    yield _line(name or "node", (str(reason), "red"), message)
    yield _line("", (REASONS[reason].hint, "dim"))


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
