"""Asking the operator: a word in the spec, or an annotation that it echoes once that is done."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from kaitu.api.annotations import FORGOTTEN, TOKENS
from kaitu.api.crd import path
from kaitu.cli.kube import look
from kaitu.cli.kube.look import Body
from kaitu.cli.kube.session import Session

PAUSE: Final = 0.5
Check = Callable[[Body], bool]


class TooLate(Exception):
    """Nobody did what was asked within the time that was given."""


async def write(session: Session, body: Body, patch: Mapping[str, Any]) -> Body:
    """A merge patch of one node; it must still be the one that was looked at."""
    meta = {"uid": body["metadata"]["uid"], **patch.get("metadata", {})}
    wanted = {**patch, "metadata": meta}
    return await session.api.patch(path(*look.key(body)), wanted)


async def spec(session: Session, body: Body, **fields: Any) -> Body:
    """Change fields of the spec."""
    return await write(session, body, {"spec": fields})


async def annotate(session: Session, body: Body, token: str, value: str, timeout: float) -> Body:
    """Ask by annotation. What was asked for and done before is taken back first, where the
    operator then forgets it, else the same could not be asked for again.
    """
    if value in (look.asked(body, token), look.handled(body, token)) and token in FORGOTTEN:
        body = await _annotated(session, body, token, None)
        body = await until(session, body, lambda b: look.handled(b, token) is None, timeout)
    return await _annotated(session, body, token, value)


async def _annotated(session: Session, body: Body, token: str, value: str | None) -> Body:
    return await write(session, body, {"metadata": {"annotations": {TOKENS[token]: value}}})


def stamp() -> str:
    """A value that no request had before."""
    return look.now().isoformat(timespec="microseconds").replace("+00:00", "Z")


async def visit(session: Session, body: Body) -> Body:
    """Ask for a visit now."""
    return await _annotated(session, body, "requestedAt", stamp())


async def visited(session: Session, body: Body, timeout: float) -> Body:
    """The node after a visit that was asked for now, whatever came of it. Raises ``TooLate``."""
    if look.suspended(body):
        raise TooLate("it is suspended: nothing was asked for; resume it first")
    body = await visit(session, body)
    token = look.asked(body, "requestedAt")
    return await until(
        session, body, lambda seen: look.handled(seen, "requestedAt") == token, timeout
    )


async def until(session: Session, body: Body, check: Check, timeout: float) -> Body:
    """The first state of the node that passes. Raises ``TooLate``."""
    end = time.monotonic() + timeout
    while not check(body):
        if time.monotonic() > end:
            raise TooLate(_late(body, timeout))
        await asyncio.sleep(PAUSE)
        body = await session.api.get(path(*look.key(body)))
    return body


def _late(body: Body, timeout: float) -> str:
    if look.suspended(body):
        return "it is suspended: a visit waits until it is resumed"
    return f"not done within {timeout:g} s; `kaituctl doctor` tells whether an operator looks"
