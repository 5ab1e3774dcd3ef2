"""Logging in to a node, over its jumps: each host on the way is dialled, verified and entered."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import asyncssh

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote import observed
from kaitu.remote.connection import Connection, Entered, Hop
from kaitu.remote.login import (
    PATIENCE,
    ChangedKey,
    Line,
    Patience,
    login,
    shown_key,
)
from kaitu.remote.observed import NOBODY, Observer
from kaitu.remote.options import Target, options
from kaitu.remote.tunnel import reach_through
from kaitu.remote.wire import Denied, allowed, reach

__all__ = ["PATIENCE", "ChangedKey", "Patience", "Target", "connect", "learn", "options"]

_OF_THE_WAY: Final = frozenset(
    {Reason.HOST_DENIED, Reason.HOST_KEY_CHANGED, Reason.INVALID_SPEC, Reason.KEY_INVALID}
)
"""What a jump has in common with a node: no dead host, but something to be set right."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One host on the way and its login; the label is empty for the node itself."""

    target: Target
    label: str
    settings: asyncssh.SSHClientConnectionOptions


async def connect(
    target: Target,
    denied: Denied,
    patience: Patience = PATIENCE,
    observer: Observer = NOBODY,
) -> Connection:
    """Dial, verify the host key, log in, over each jump in turn.

    Raises ``KaituError`` of the first layer that fails, and names the jump where it is one.
    """

    async def enter() -> Entered:
        with observed.login(observer):
            return await _enter(target, denied, patience)

    return Connection(await enter(), target.user, enter, observer)


async def learn(target: Target, denied: Denied, patience: Patience = PATIENCE) -> str:
    """The host key that the node proves to have, as a line; no login is begun on it.

    Store it, then ``connect`` to a target with this key: who answers then must prove it again.
    """
    hops = await _walk(_steps(target.jumps), denied, patience)
    with _ending(hops):
        wire = await _reach(target, hops, denied, patience)
        try:
            found = await shown_key(target, wire, patience)
        finally:
            wire.close()
    _abort(hops)
    return found


async def _enter(target: Target, denied: Denied, patience: Patience) -> Entered:
    steps = [*_steps(target.jumps), _Step(target, "", options(target))]
    hops = await _walk(steps, denied, patience)
    for before, after in pairwise(hops):
        after.ssh.set_tunnel(before.ssh)  # which ends with it
    return tuple(hops)


def _steps(jumps: tuple[Target, ...]) -> list[_Step]:
    return [_jump(f"jump {n} ({_where(jump)})", jump) for n, jump in enumerate(jumps, 1)]


def _jump(label: str, jump: Target) -> _Step:
    with _speaking_of(label):
        return _Step(jump, label, options(jump))


def _where(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{host}:{target.port}"


async def _walk(steps: list[_Step], denied: Denied, patience: Patience) -> list[Hop]:
    hops: list[Hop] = []
    with _ending(hops):
        for step in steps:
            with _speaking_of(step.label):
                hops.append(await _take(step, hops, denied, patience))
    return hops


async def _take(step: _Step, hops: list[Hop], denied: Denied, patience: Patience) -> Hop:
    wire = await _reach(step.target, hops, denied, patience)
    try:
        ssh = await login(step.target, wire, step.settings, patience)
    except BaseException:
        wire.close()
        raise
    return Hop(step.label, ssh, wire.address)


async def _reach(target: Target, hops: list[Hop], denied: Denied, patience: Patience) -> Line:
    """A name behind a jump is resolved here, too: the jump is asked for the address we checked."""
    if not hops:
        return await reach(target.host, target.port, denied, patience.dial)
    last, addresses = hops[-1], await allowed(target.host, denied)
    return await reach_through(last.ssh, last.label, addresses, target.port, patience.dial)


@contextmanager
def _ending(hops: list[Hop]) -> Iterator[None]:
    """A failure ends what led to it; where a jump has broken meanwhile, that is its cause."""
    try:
        yield
    except BaseException as error:
        broken = next((hop for hop in hops if hop.ssh.is_closed()), None)
        _abort(hops)
        if broken and isinstance(error, KaituError):
            said = f"{broken.label}: the connection broke"
            raise KaituError(Reason.JUMP_FAILED, said, Reason.CONNECTION_LOST) from None
        raise


def _abort(hops: list[Hop]) -> None:
    for hop in reversed(hops):
        hop.ssh.abort()


@contextmanager
def _speaking_of(label: str) -> Iterator[None]:
    """A failure names the jump at which it came up, and keeps its cause."""
    try:
        yield
    except KaituError as error:
        if not label or error.reason is Reason.JUMP_FAILED:
            raise
        said = f"{label}: {error.message}"
        if error.reason in _OF_THE_WAY:
            raise KaituError(error.reason, said) from None
        raise KaituError(Reason.JUMP_FAILED, said, error.reason) from None
