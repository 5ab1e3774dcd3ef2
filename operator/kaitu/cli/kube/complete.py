"""Completion of names: what the cluster has, or nothing, soon; a shell must never hang on it."""

import asyncio
import contextlib
import io
import os
import shlex
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import typer

from kaitu.cli.kube.session import Session, Where
from kaitu.cluster.errors import ApiError

SOON: Final = 8.0
NO_FILES: Final = ":4"
"""cobra's directive for kubectl: these are all, do not offer files."""


def nodes(context: typer.Context) -> list[str]:
    """The KaituNodes in reach of the flags so far."""
    return _asked(context, _node_names)


def namespaces(context: typer.Context) -> list[str]:
    return _asked(context, _namespaces)


async def _node_names(session: Session) -> list[str]:
    return [body["metadata"]["name"] async for body in session.api.list(session.scope)]


async def _namespaces(session: Session) -> list[str]:
    return [one["metadata"]["name"] async for one in session.api.list("/api/v1/namespaces")]


def contexts(context: typer.Context) -> list[str]:
    """Those of the kubeconfig's files."""
    from kaitu.cluster.login import contexts as known

    given = context.params.get("kubeconfig")
    try:
        return known(str(given) if given else None)
    except ApiError:
        return []


def _asked(context: typer.Context, ask: Callable[[Session], Awaitable[list[str]]]) -> list[str]:
    async def answer() -> list[str]:
        async with asyncio.timeout(SOON), _where(context.params).connected() as session:
            return sorted(await ask(session))

    try:
        return asyncio.run(answer())
    except (ApiError, TimeoutError):
        return []


def _where(given: dict[str, Any]) -> Where:
    file: Path | None = given.get("kubeconfig")
    return Where(str(file) if file else None, given.get("context"), given.get("namespace") or "")


def main() -> None:
    """The program ``kubectl_complete-kaitu``: kubectl gives it the words, the last one unfinished;
    it is the protocol of fish, with kubectl's last line.
    """
    from kaitu.cli.app import app

    os.environ["_KAITUCTL_COMPLETE"] = "complete_fish"
    os.environ["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    os.environ["_TYPER_COMPLETE_ARGS"] = words(sys.argv[1:])
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        app(prog_name="kaituctl")
    sys.stdout.write(f"{said.getvalue().rstrip()}\n{NO_FILES}\n".lstrip("\n"))


def words(given: list[str]) -> str:
    """A command line that ends in a blank where the last word is empty."""
    *whole, last = given or [""]
    return f"{shlex.join(['kaituctl', *whole])} {shlex.quote(last) if last else ''}"
