"""Planning and applying: visits to the nodes of the files, one engine with the operator's."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kaitu.cli import verdict
from kaitu.cli.manifests import Key, Manifests
from kaitu.cli.node import Prepared, Reach, call, orders, prepare
from kaitu.cli.show import Progress
from kaitu.cli.state import Installation, process
from kaitu.cli.verdict import Told
from kaitu.core.aspect import Problem
from kaitu.core.desired import Requests
from kaitu.core.errors import KaituError
from kaitu.core.models import Mode
from kaitu.core.reasons import REASONS, Reason, Retry
from kaitu.core.secrets import Secret
from kaitu.engine import schedule
from kaitu.engine.admit import Identity
from kaitu.engine.rest import keeps_slot
from kaitu.engine.slots import Slots
from kaitu.engine.visit import Orders, Visit, objected

ATTEMPTS = 5
"""How often what may pass by itself is tried again before a person is asked to look."""
_PASSING = frozenset({Retry.TRANSIENT, Retry.CONFLICT})


@dataclass(slots=True)
class Run:
    """One command: what it reads, who it is, and the brake over its nodes."""

    manifests: Manifests
    reach: Reach
    installation: Installation
    progress: Progress
    private_key: Secret | None = None
    retry: str = ""  # what is held and shall be tried again
    pull: bool = False  # pull tags anew
    process: str = field(default_factory=process)
    slots: Slots = field(init=False)

    def __post_init__(self) -> None:
        self.slots = Slots(lambda: self.reach.policy.max_disrupted)

    def prepare(self, key: Key) -> Prepared:
        return prepare(self.manifests, key, self.reach.policy, self.private_key)

    def requests(self, key: Key, *, tried: bool = False) -> Requests:
        """What was asked for, each to be done once: a pull has this run's name."""
        pull_at = self.process if self.pull else ""
        share = schedule.spread("/".join(key), 1.0)
        return Requests("" if tried else self.retry, pull_at, int(time.time()), share)

    def identity(self, key: Key) -> Identity:
        return Identity(self.installation.id, *key, self.installation.fence, self.process)

    def told(
        self,
        key: Key,
        found: Visit,
        stop: Problem | None = None,
        notes: tuple[str, ...] = (),
    ) -> Told:
        return verdict.of_visit(key, found, _now(), self.reach.pool.describe(key), stop, notes)


async def plan(run: Run, keys: Sequence[Key]) -> list[Told]:
    """What each node is like and what would be done; nothing is written on any of them."""
    try:
        return await asyncio.gather(*(_planned(run, key) for key in keys))
    finally:
        run.reach.pool.close_all()


async def _planned(run: Run, key: Key) -> Told:
    try:
        prepared = run.prepare(key)
        if prepared.spec.suspend:
            return Told(key, verdict.IN_SYNC, suspended=True)
        ours = orders(run.identity(key), prepared.spec, run.slots, _nobody)
        asking = prepared.asking(run.requests(key)).observed()
        found = await call(run.reach, asking, ours)
    except KaituError as error:
        return verdict.of_failure(key, error, _now())
    return run.told(key, found, _refusal(prepared, found, ours), _notes(prepared, found))


async def _nobody(_: str) -> Problem:
    return Problem(Reason.WAITING_FOR_API, "this run only looks")


def _refusal(prepared: Prepared, found: Visit, ours: Orders) -> Problem | None:
    """What would forbid the writes of an apply, where there would be any."""
    writing = {
        one.name
        for one in prepared.managed
        if one.aspect.writes and not one.refused and one.mode is Mode.ENFORCE
    }
    stop = objected(found.managed, prepared.desired, ours, found.sight)
    if stop and stop.reason is not Reason.OWNED_BY_ANOTHER:
        writing = {name for name in writing if found.outcomes[name].left}
    return stop if writing else None


def _notes(prepared: Prepared, found: Visit) -> tuple[str, ...]:
    """Where an apply would do less than the plan says."""
    names = [one.name for one in prepared.managed if one.mode is Mode.OBSERVE]
    told = ", ".join(name for name in names if found.outcomes[name].left)
    return (
        (f"{told}: mode Observe in the spec, so an apply changes nothing of it",) if told else ()
    )


async def apply(run: Run, keys: Sequence[Key]) -> list[Told]:
    """Bring one node after the other to what its spec says, as far as that goes."""
    told = []
    try:
        for key in keys:
            with run.progress.about(key[1]):
                told.append(await _applied(run, key))
            run.progress.result(told[-1])
    finally:
        run.reach.pool.close_all()
    return told


async def _applied(run: Run, key: Key) -> Told:
    """Visit until nothing is left to do, or nothing more can be done from here."""
    try:
        prepared = run.prepare(key)
    except KaituError as error:
        return verdict.of_failure(key, error, _now())
    if prepared.spec.suspend:
        return Told(key, verdict.IN_SYNC, suspended=True)

    async def announce(text: str) -> None:
        run.progress.now(text)

    ours, pause = orders(run.identity(key), prepared.spec, run.slots, announce), Pauses(prepared)
    tried = False
    while True:
        asking = prepared.asking(run.requests(key, tried=tried))
        try:
            found = await call(run.reach, asking, ours)
        except KaituError as error:
            delay, told = pause.after_failure(error), verdict.of_failure(key, error, _now())
        else:
            _settle(run, key, found)
            tried = tried or "retry" in found.answered(run.retry or "-")
            delay, told = pause.after(found), run.told(key, found)
        if delay is None:
            return told
        await asyncio.sleep(delay)


def _settle(run: Run, key: Key, found: Visit) -> None:
    """Say what was done, and give the slot back where the node is at rest."""
    run.progress.visited(found)
    identity = run.identity(key)
    ours = found.sight.host.owner == (identity.installation, identity.owner)
    run.slots.hold(key, found.held(None))
    if not keeps_slot(run.slots, key, found, ours=ours):
        run.slots.free(key)


@dataclass(slots=True)
class Pauses:
    """How long to wait before the next visit to a node; None when there is no use in one."""

    prepared: Prepared
    chance: Callable[[], float] = random.random
    polls: int = 0
    attempts: int = 0

    def after(self, found: Visit) -> float | None:
        if schedule.going_on(found):
            self.polls += 1
            self.attempts = 0
            return schedule.poll(self.polls)
        self.polls = 0
        fenced = any(one.reason is Reason.FENCED for one in found.outcomes.values())
        return None if fenced else self._again(schedule.retry_of(found))

    def after_failure(self, error: KaituError) -> float | None:
        """A node with a running job may be rebooting; one that never answered is not awaited."""
        retry = REASONS[error.reason].retry
        return self._again(Retry.TRANSIENT if self.polls and retry is Retry.ABSENT else retry)

    def _again(self, retry: Retry | None) -> float | None:
        if retry not in _PASSING or self.attempts >= ATTEMPTS:
            return None
        self.attempts += 1
        return schedule.backoff(retry, self.attempts, self.prepared.pace, self.chance())


def _now() -> datetime:
    return datetime.now(UTC)
