"""The commands that only look: nothing is asked of any node, but a visit by ``diff --fresh``."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import typer
from rich.console import Group
from rich.live import Live

from kaitu.cli.kube import ask, look
from kaitu.cli.kube.common import (
    GOOD,
    NOT_GOOD,
    TROUBLE,
    aside,
    run,
    wait_seconds,
    where,
)
from kaitu.cli.kube.difference import difference
from kaitu.cli.kube.fleet import fleet, news
from kaitu.cli.kube.follow import follow
from kaitu.cli.kube.look import Body
from kaitu.cli.kube.options import (
    Context,
    Data,
    Everywhere,
    Follow,
    Fresh,
    Kubeconfig,
    Names,
    Namespace,
    NoColor,
    Node,
    Output,
    Selector,
    Shown,
    Timeout,
)
from kaitu.cli.kube.page import doubts, page
from kaitu.cli.kube.session import Session
from kaitu.cli.kube.tables import Format, lines, machine, measured, rows
from kaitu.cli.kube.versions import client, versions
from kaitu.cli.show import as_json, block, console
from kaitu.cli.show import lines as told_lines
from kaitu.cluster.errors import ApiError, Unavailable

app = typer.Typer()
_TABLES: Final = frozenset({Format.TABLE, Format.WIDE})


@app.command()
def get(
    names: Names = None,
    selector: Selector = "",
    output: Output = Format.TABLE,
    watch: Follow = False,
    namespace: Namespace = "",
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """List KaituNodes, as `kubectl get kaitunodes` does."""

    async def work(session: Session) -> None:
        if watch:
            return await _followed(session, names or (), selector, output)
        bodies = await session.nodes(names or (), selector)
        if output not in _TABLES:
            typer.echo(machine(bodies, output, one=len(names or ()) == 1), nl=False)
        elif bodies:
            _table(session, bodies, output)
        else:
            aside("no KaituNode found")
        return None

    run(where(kubeconfig, context, namespace, everywhere), work)


def _table(session: Session, bodies: Sequence[Body], output: Format) -> None:
    wide, everywhere = output is Format.WIDE, session.where.everywhere
    for line in lines(rows(bodies, look.now(), wide=wide, namespaces=everywhere)):
        console().print(line)


async def _followed(session: Session, names: Sequence[str], selector: str, output: Format) -> None:
    """A line, or an object, for each node at first and for each change after that."""
    known: dict[Any, Any] = {}
    widths: list[int] = []
    await session.nodes(names)  # a name that does not exist is said at once
    async for state in follow(session, {"labelSelector": selector} if selector else {}):
        if isinstance(state, Unavailable):
            aside(str(state))
            continue
        chosen = {k: body for k, body in state.items() if not names or k[1] in names}
        changed = [b for k, b in chosen.items() if known.get(k) != _version(b)]
        known = {k: _version(body) for k, body in chosen.items()}
        if output not in _TABLES:
            for body in changed:
                typer.echo(machine([body], output, one=True), nl=False)
        elif changed:
            wide, everywhere = output is Format.WIDE, session.where.everywhere
            head, *found = rows(changed, look.now(), wide=wide, namespaces=everywhere)
            table = found if widths else [head, *found]
            widths = widths or measured(table)
            for line in lines(table, widths):
                console().print(line)


def _version(body: Body) -> Any:
    return body["metadata"]["resourceVersion"]


@app.command()
def status(
    node: Node,
    namespace: Namespace = "",
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """All about one node: conditions, containers, drift, releases, and what to do next.

    Exit code: 0 Ready, 1 not Ready, 3 trouble.
    """

    async def work(session: Session) -> int:
        body = await session.node(node)
        block(page(body, look.now()))
        return GOOD if look.ready(body) else NOT_GOOD

    raise typer.Exit(run(where(kubeconfig, context, namespace), work))


@app.command()
def diff(
    node: Node,
    fresh: Fresh = False,
    timeout: Timeout = "5m",
    output: Shown = Data.TEXT,
    namespace: Namespace = "",
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """What differs on a node and what would be done, as of its last visit.

    Exit code: 0 in sync, 1 differences, 2 usage, 3 trouble, as that of plan.
    """
    limit = wait_seconds(timeout)

    async def work(session: Session) -> int:
        body: Body = await session.node(node)
        if fresh:
            body = await ask.visited(session, body, limit)
        now, told = look.now(), difference(body)
        if output is Data.JSON:
            typer.echo(as_json([told]))
        else:
            for line in told_lines(told):
                console().print(line)
        visited = look.status(body).get("lastVisitTime")
        aside(f"as of the visit reported {look.since(visited, now)} ago")
        for doubt in doubts(body, now):
            aside(doubt, "yellow")
        return told.code

    raise typer.Exit(run(where(kubeconfig, context, namespace), work))


@app.command()
def watch(
    selector: Selector = "",
    namespace: Namespace = "",
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """The fleet, live: on a terminal a table that follows, otherwise a line for each change."""
    query = {"labelSelector": selector} if selector else {}

    async def work(session: Session) -> None:
        await (_live if console().is_terminal else _news)(session, query)

    run(where(kubeconfig, context, namespace, everywhere), work)


async def _news(session: Session, query: Mapping[str, Any]) -> None:
    """What is said of a node is said once; nothing else is a change to a reader."""
    said: dict[Any, str] = {}
    async for state in follow(session, query):
        if isinstance(state, Unavailable):
            aside(str(state))
            continue
        for line in news(said, state):
            console().print(line)


async def _live(session: Session, query: Mapping[str, Any]) -> None:
    out = console(wrap=True)
    nodes: Mapping[Any, Body] = {}
    trouble = "not yet"

    def picture() -> Group:
        return fleet(nodes, look.now(), trouble, rows=out.height, where=session.scope_name)

    with Live(get_renderable=picture, console=out, refresh_per_second=2, screen=False):
        async for state in follow(session, query):
            trouble = str(state) if isinstance(state, Unavailable) else ""
            nodes = nodes if isinstance(state, Unavailable) else state


@app.command()
def version(
    output: Shown = Data.TEXT,
    namespace: Namespace = "",
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """The versions of this program, of the operator and of the API server.

    Exit code: 0; 3 where the API server could not be asked.
    """

    try:
        found = run(where(kubeconfig, context, namespace), versions)
    except ApiError as error:
        found = {**client(), "error": str(error)}
    if output is Data.JSON:
        typer.echo(json.dumps(found, indent=2))
    else:
        for name, text in found.items():
            console().print(f"{name}: {text}")
    raise typer.Exit(TROUBLE if "error" in found else GOOD)
