"""The page of ``status``: what a node is like, why, and what a person does next."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kaitu.cli.kube import look
from kaitu.cli.kube.look import STYLES, Body
from kaitu.cli.kube.next import steps
from kaitu.cli.show import disruption
from kaitu.core.durations import seconds
from kaitu.core.reasons import Condition
from kaitu.engine.report import HEARTBEAT

_NEWEST: Final = 5


def page(body: Body, now: datetime) -> Group:
    """All of it, from the verdict to the next step."""
    parts: list[RenderableType] = [_head(body), *_facts(body, now)]
    for title, rows in (
        ("Conditions", list(_conditions(body, now))),
        ("Sections", list(_sections(body))),
        ("Containers", list(_containers(body, now))),
        ("Drift", list(_drift(body, now))),
        ("Plan", list(_plan(body))),
        ("Findings", list(_findings(body, now))),
        ("Last releases", list(_updates(body, now))),
    ):
        if rows:
            parts += [Text(f"\n{title}", "bold"), _grid(rows)]
    parts += [Text("\nWhat to do next", "bold")]
    parts += [Padding(Text(line), (0, 0, 0, 2)) for line in steps(body)]
    return Group(*parts)


def _grid(rows: list[tuple[str | Text, ...]]) -> RenderableType:
    """Columns as wide as they must be; only the last is wrapped."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    last = len(rows[0]) - 1
    for number in range(last + 1):
        grid.add_column(no_wrap=number != last, overflow="fold")
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return Padding(grid, (0, 0, 0, 2), expand=False)


def _state(text: str) -> Text:
    return Text(text, STYLES.get(text, _OTHER.get(text, "")))


_OTHER: Final = {
    "InSync": "green",
    "Observed": "green",
    "OutOfSync": "red",
    "Failed": "red",
    "Waiting": "yellow",
    "healthy": "green",
    "unhealthy": "red",
    "running": "green",
    "exited": "red",
    "restarting": "red",
}


def _head(body: Body) -> Text:
    said = look.condition(body, Condition.READY)
    verdict = said.get("status", "Unknown")
    name = "/".join(look.key(body))
    return Text.assemble(
        (name, "bold"), "  Ready: ", _state(verdict), f"  {said.get('reason', 'not visited yet')}"
    )


def _facts(body: Body, now: datetime) -> Iterator[RenderableType]:
    """Where it is and what it is, in a few lines."""
    to, status = body["spec"]["connection"], look.status(body)
    facts, compose = status.get("facts", {}), status.get("compose", {})
    port, user = to.get("port", 22), to.get("user", "root")
    jumps = f", over {len(to['jumps'])} jumps" if to.get("jumps") else ""
    rows: list[tuple[str | Text, ...]] = [("Address", f"{user}@{to['host']}:{port}{jumps}")]
    if facts:
        docker = f"docker {facts.get('docker', '-')}, compose {facts.get('compose', '-')}"
        rows.append(("Machine", f"{facts.get('os', '?')} {facts.get('arch', '')}; {docker}"))
    if runs := compose.get("version"):
        rows.append(("Runs", f"{runs} ({status.get('architecture', 'Unknown')})"))
    if env := status.get("env"):
        rows.append(("Variables", _env(env)))
    rows.append(("Mode", _mode(body)))
    rows.append(("Last visit", _ago(status.get("lastVisitTime"), now)))
    rows.append(("Last change", _ago(status.get("lastChangeTime"), now, "none seen")))
    yield _grid(rows)
    yield from (Text(line, "yellow") for line in doubts(body, now))


def _env(env: Mapping[str, Any]) -> str:
    there = "is there" if env.get("protectedPresent") else "is missing"
    return f"{env.get('inSync', 0)} of {env.get('managed', 0)} in sync; K2_NODE_SECRET {there}"


def _mode(body: Body) -> str:
    mode = body["spec"].get("mode", "Enforce")
    return f"{mode}, suspended" if look.suspended(body) else str(mode)


def _ago(text: str | None, now: datetime, none: str = "never") -> str:
    return f"{text} ({look.since(text, now)} ago)" if text else none


def doubts(body: Body, now: datetime) -> Iterator[str]:
    """Why what is shown may not be what is true."""
    if not look.current(body):
        yield "The spec has been changed since: no visit has looked at it as it is now."
    last = look.status(body).get("lastVisitTime")
    if last and not look.suspended(body) and _age(last, now) > _stale(body):
        yield "No visit has been reported for long: `kaituctl doctor` tells who looks."


def _age(text: str, now: datetime) -> timedelta:
    return now - datetime.fromisoformat(text.replace("Z", "+00:00"))


def _stale(body: Body) -> timedelta:
    """A node in order is reported every ten minutes, and one that is not visited grows stale."""
    interval, timeout = (body["spec"].get(name, "60s") for name in ("interval", "timeout"))
    return HEARTBEAT + timedelta(seconds=4 * seconds(interval) + 2 * seconds(timeout))


def _conditions(body: Body, now: datetime) -> Iterator[tuple[str | Text, ...]]:
    order = {str(kind): number for number, kind in enumerate(Condition)}
    found = look.status(body).get("conditions", ())
    for one in sorted(found, key=lambda c: order.get(c["type"], 99)):
        message = f"{one['reason']}: {one['message']}" if one["message"] else one["reason"]
        yield (
            one["type"],
            _state(one["status"]),
            look.since(one["lastTransitionTime"], now),
            message,
        )


def _sections(body: Body) -> Iterator[tuple[str | Text, ...]]:
    for one in look.status(body).get("aspects", ()):
        message = f": {one['message']}" if one.get("message") else ""
        yield one["name"], _state(one["state"]), f"{one['reason']}{message}"


def _containers(body: Body, now: datetime) -> Iterator[tuple[str | Text, ...]]:
    for one in look.status(body).get("compose", {}).get("services", ()):
        health = one.get("health") or "-"
        up = look.since(one["startedAt"], now) if one.get("startedAt") else "-"
        restarts = f"{one.get('restarts', 0)} restarts"
        yield (
            one["name"],
            _state(one.get("state") or "absent"),
            _state(health),
            up,
            restarts,
            one.get("image") or "",
        )


def _drift(body: Body, now: datetime) -> Iterator[tuple[str | Text, ...]]:
    for one in look.status(body).get("drift", ()):
        yield one["aspect"], one["kind"], f"{look.since(one['firstSeen'], now)} ago", one["item"]


def _plan(body: Body) -> Iterator[tuple[str | Text, ...]]:
    for step in look.status(body).get("plan", {}).get("steps", ()):
        yield step["aspect"], Text.assemble(step["text"], (disruption(step), "yellow"))


def _findings(body: Body, now: datetime) -> Iterator[tuple[str | Text, ...]]:
    for one in look.status(body).get("findings", ()):
        since = f"{look.since(one.get('since'), now)} ago"
        yield since, f"{one['signature']}: {one.get('evidence', '')}"


def _updates(body: Body, now: datetime) -> Iterator[tuple[str | Text, ...]]:
    found = look.status(body).get("compose", {}).get("updates", ())
    for one in reversed(found[-_NEWEST:]):
        service = f" at {one['service']}" if one.get("service") else ""
        good = "green" if one["result"] == "Applied" else "red"
        ago = f"{look.since(one['time'], now)} ago"
        yield ago, one["version"], Text(f"{one['result']}{service}", good)
