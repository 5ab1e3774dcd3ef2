"""The live table of ``watch``, and its lines where there is no terminal. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from kaitu.cli.kube import look
from kaitu.cli.kube.look import STYLES, Body
from kaitu.core.reasons import Condition

_AROUND: Final = 4
"""Lines of the picture that are no node."""
_ORDER: Final = {"False": 0, "Unknown": 1, "True": 2}


def fleet(
    nodes: Mapping[Any, Body], now: datetime, trouble: str, *, rows: int, where: str
) -> Group:
    """The worst first, as many as the terminal has room for, and a line that counts them all."""
    listed = sorted(nodes.values(), key=lambda body: (_ORDER[_verdict(body)], look.key(body)))
    room = max(1, rows - _AROUND)
    table = Table(box=None, expand=True, pad_edge=False, header_style="bold")
    for name in ("NAME", "READY", "VERSION", "VISIT"):
        table.add_column(name, no_wrap=True)
    table.add_column("REASON", ratio=1, no_wrap=True, overflow="ellipsis")
    several = len({look.key(body)[0] for body in listed}) > 1
    for body in listed[:room]:
        name = "/".join(look.key(body)) if several else look.key(body)[1]
        table.add_row(name, *_row(body, now))
    return Group(
        Text(_count(listed, where, hidden=len(listed) - room)), table, _foot(trouble, now)
    )


def _row(body: Body, now: datetime) -> tuple[Text, ...]:
    status, verdict = look.status(body), _verdict(body)
    return (
        Text(verdict, STYLES[verdict]),
        Text(status.get("compose", {}).get("version", "")),
        Text(look.since(status.get("lastVisitTime"), now)),
        Text(_why(body)),
    )


def _verdict(body: Body) -> str:
    """A verdict on an older spec is none on this one."""
    if not look.current(body):
        return "Unknown"
    return str(look.condition(body, Condition.READY).get("status", "Unknown"))


def _why(body: Body) -> str:
    """What is going on, else why it is not Ready."""
    if not look.current(body) and not look.suspended(body):
        return "the spec has changed: a visit is due"
    for kind in (Condition.RECONCILING, Condition.READY):
        said = look.condition(body, kind)
        if said and (kind is not Condition.READY or said["status"] != "True"):
            message = f": {said['message']}" if said["message"] else ""
            return f"{said['reason']}{message}"
    return ""


def _count(listed: list[Body], where: str, *, hidden: int) -> str:
    found = Counter(_verdict(body) for body in listed)
    told = ", ".join(f"{found[name]} {word}" for name, word in _WORDS.items() if found[name])
    more = f"; {hidden} more are not shown" if hidden > 0 else ""
    return f"{where}: {len(listed)} nodes{f': {told}' if told else ''}{more}\n"


_WORDS: Final = {"False": "not ready", "Unknown": "unknown", "True": "ready"}


def _foot(trouble: str, now: datetime) -> Text:
    if trouble:
        return Text(f"\nas it was; no answer of the API server: {trouble}", "red")
    return Text(f"\n{now:%H:%M:%S} UTC; Ctrl-C ends it", "dim")


def news(said: dict[Any, str], nodes: Mapping[Any, Body]) -> Iterator[str]:
    """A line for each node of which something else is true now; ``said`` is kept up to date."""
    for key in [key for key in said if key not in nodes]:
        del said[key]
        yield f"{'/'.join(key)} was deleted"
    for key, body in sorted(nodes.items()):
        version = look.status(body).get("compose", {}).get("version", "-")
        line = f"{'/'.join(key)} {_verdict(body)} {version} {_why(body)}".rstrip()
        if said.get(key) != line:
            said[key] = line
            yield line
