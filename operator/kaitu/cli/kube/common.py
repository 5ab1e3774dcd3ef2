"""What the commands over the API server have in common: how they run, and how they end."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import typer

from kaitu.cli.kube.ask import TooLate
from kaitu.cli.kube.look import Body, key
from kaitu.cli.kube.session import Session, Where
from kaitu.cli.show import console
from kaitu.cli.usage import UsageError
from kaitu.cluster.errors import ApiError, advice
from kaitu.core.durations import seconds

T = TypeVar("T")
Done = tuple[int, str]
"""What a command comes to with one node: its share of the exit code, and a word about it."""
GOOD: Final = 0
NOT_GOOD: Final = 1
USAGE: Final = 2
TROUBLE: Final = 3
INTERRUPTED: Final = 130
"""Of all commands: as it should be; an answer that is not good; a wrong command line; no answer;
Ctrl-C. They are those of ``kubectl diff`` for plan, apply and diff.
"""


def where(
    kubeconfig: Path | None, context: str | None, namespace: str = "", everywhere: bool = False
) -> Where:
    if namespace and everywhere:
        raise UsageError("-n and -A cannot be said together")
    return Where(str(kubeconfig) if kubeconfig else None, context, namespace, everywhere)


def run(place: Where, work: Callable[[Session], Awaitable[T]]) -> T:
    """Connect and do it. Ctrl-C ends it at once; what was asked of the operator stays asked."""

    async def connected() -> T:
        async with place.connected() as session:
            return await work(session)

    try:
        return asyncio.run(connected())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def aside(text: str, style: str = "") -> None:
    """A message for people, which is never part of an answer."""
    console(stderr=True).print(text, style=style)


def failed(error: ApiError) -> None:
    """What the API server refused, or that it said nothing, and what to do about it."""
    aside(f"kaituctl: {error}", "red")
    if told := advice(error):
        aside(f"{told[0].upper()}{told[1:]}. `kaituctl doctor` looks at all of it.")


def wait_seconds(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise UsageError(f"--timeout {error}") from None


async def each(
    session: Session, bodies: Sequence[Body], deed: Callable[[Body], Awaitable[Done]]
) -> int:
    """Do it for all and say of each what came of it; the worst decides the exit code."""

    async def one(body: Body) -> int:
        name = "/".join(key(body)) if session.where.everywhere else key(body)[1]
        try:
            code, told = await deed(body)
        except (ApiError, TooLate) as error:
            aside(f"{name}: {error}", "red")
            return TROUBLE
        console().print(f"{name}: {told}")
        return code

    return max(await asyncio.gather(*map(one, bodies)), default=GOOD)


def for_chosen(
    place: Where,
    names: Sequence[str] | None,
    selector: str,
    everything: bool,
    deed: Callable[[Session, Body], Awaitable[Done]],
) -> NoReturn:
    """Do it for all nodes that are chosen, and end the program with the worst outcome."""

    async def work(session: Session) -> int:
        bodies = await _chosen(session, names, selector, everything)
        return await each(session, bodies, partial(deed, session))

    raise typer.Exit(run(place, work))


async def _chosen(
    session: Session, names: Sequence[str] | None, selector: str, everything: bool
) -> list[Body]:
    """The nodes that are to be changed: never all of them for want of a word."""
    if not names and not selector and not everything:
        raise UsageError("name the nodes, or say -l SELECTOR or --all")
    if everything and (names or selector):
        raise UsageError("--all goes with neither names nor a selector")
    found: list[Body] = list(await session.nodes(names or (), selector))
    if not found:
        aside("no KaituNode fits")
    return found
