"""The command that looks at everything between a person and the nodes, and says how to mend it."""

import json
from dataclasses import asdict
from typing import Final

import typer
from rich.table import Table
from rich.text import Text

from kaitu.cli.kube.checks import examine
from kaitu.cli.kube.common import GOOD, NOT_GOOD, run, where
from kaitu.cli.kube.findings import Finding, Level
from kaitu.cli.kube.options import (
    Context,
    Data,
    Everywhere,
    Kubeconfig,
    Namespace,
    NoColor,
    Shown,
)
from kaitu.cli.kube.session import Session, Where
from kaitu.cli.show import block
from kaitu.cluster.errors import ApiError

app = typer.Typer()

_STYLES: Final = {
    Level.OK: "green",
    Level.NOTE: "cyan",
    Level.BAD: "red",
    Level.UNKNOWN: "yellow",
}


@app.command()
def doctor(
    output: Shown = Data.TEXT,
    namespace: Namespace = "",
    everywhere: Everywhere = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    _no_color: NoColor = False,
) -> None:
    """Look at kubeconfig, API server, CRD, rights, operator, keys and nodes; say how to mend.

    Exit code: 0 nothing is bad, 1 something is.
    """
    findings = _examined(where(kubeconfig, context, namespace, everywhere))
    if output is Data.JSON:
        typer.echo(json.dumps({"findings": [asdict(one) for one in findings]}, indent=2))
    else:
        _show(findings)
    raise typer.Exit(NOT_GOOD if any(one.level is Level.BAD for one in findings) else GOOD)


def _examined(place: Where) -> list[Finding]:
    async def work(session: Session) -> list[Finding]:
        address = session.api.credentials().server
        login = Finding("kubeconfig", Level.OK, f"{address}, namespace {session.namespace}")
        return [login, *[one async for one in examine(session)]]

    try:
        return run(place, work)
    except ApiError as error:
        mend = "name the file by --kubeconfig or KUBECONFIG, and one of its contexts by --context"
        return [Finding("kubeconfig", Level.BAD, str(error), mend)]


def _show(findings: list[Finding]) -> None:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for wrapped in (False, False, True):
        grid.add_column(no_wrap=not wrapped, overflow="fold")
    for one in findings:
        grid.add_row(Text(one.level, _STYLES[one.level]), Text(one.check), Text(one.message))
        if one.mend:
            grid.add_row("", "", Text(one.mend, "dim"))
    block(grid)
