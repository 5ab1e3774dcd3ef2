"""What specs refer to: each Secret and ConfigMap is read seldom, for all its nodes, and never
watched, since a watch needs the right to list every Secret.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from kaitu.api.resolve import ABSENT, value_of
from kaitu.cluster.api import Api, ApiError, Body, Forbidden, Missing
from kaitu.cluster.bucket import Bucket
from kaitu.cluster.found import Found, Known, Object, due, found, take, unused, version
from kaitu.core.desired import Reference
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret

log = logging.getLogger(__name__)

RATE: Final = 15.0
BURST: Final = 5  # with RATE: never more than 20 in any second
PULSE: Final = 1.0

Answer = Found | ApiError
Changed = Callable[[Object], None]
Reasons = Mapping[type[ApiError], Reason]

_PLURALS: Final = {"Secret": "secrets", "ConfigMap": "configmaps"}
_OF_VALUE: Final[Reasons] = {
    Missing: Reason.REFERENCE_NOT_FOUND,
    Forbidden: Reason.REFERENCE_FORBIDDEN,
    ApiError: Reason.WAITING_FOR_API,
}
_OF_KEY: Final[Reasons] = {  # without its key nothing is known of a node: the layer is Reachable
    Missing: Reason.KEY_NOT_FOUND,
    Forbidden: Reason.KEY_NOT_FOUND,
    ApiError: Reason.OBSERVER_DEGRADED,
}
_SAID: Final[Mapping[type[ApiError], str]] = {
    Missing: ABSENT,
    Forbidden: "may not be read by the operator",
    ApiError: "could not be read: the API server gave no answer",
}


@dataclass(slots=True)
class _Read:
    """A read that others may join; once ``sent``, it may miss what changes after that."""

    task: "asyncio.Task[Answer]" = field(init=False)
    sent: bool = False


class References:
    """The objects in use. Run ``refresh`` beside the readers: it sees what changes."""

    def __init__(
        self,
        api: Api,
        clock: Callable[[], float] = time.monotonic,
        learn: Callable[[Iterable[str]], None] = lambda _: None,
    ) -> None:
        """``learn`` is told every value of a Secret, in plain text: what must never be logged."""
        self._api = api
        self._learn = learn
        self._clock = clock
        self._known: dict[Object, Known] = {}
        self._reads: dict[Object, _Read] = {}
        self._bucket = Bucket(RATE, BURST)
        self._gate = asyncio.Lock()
        self._changed: Changed = lambda _: None

    def on_change(self, changed: Changed) -> None:
        """Call ``changed`` with (kind, namespace, name) when another state of it is seen."""
        self._changed = changed

    async def value(self, namespace: str, reference: Reference, *, fresh: bool = False) -> Secret:
        """The referenced value. ``fresh``: not older than this call.

        Raises ``KaituError``: ReferenceNotFound, ReferenceForbidden, ReferenceInvalid, or
        WaitingForAPI when it was never read and the server does not answer.
        """
        at = (reference.kind, namespace, reference.name)
        return value_of(_body(await self._answer(at, fresh), at, _OF_VALUE), reference)

    async def secret(self, namespace: str, name: str, *, fresh: bool = False) -> Body:
        """A Secret with a node's key, as type and data in plain text: use it and let it go.

        Raises ``KaituError``: KeyNotFound, or ObserverDegraded when it was never read and the
        server does not answer.
        """
        at = ("Secret", namespace, name)
        return _body(await self._answer(at, fresh), at, _OF_KEY)

    def versions(self, namespace: str, references: Iterable[Reference]) -> list[str]:
        """The resourceVersion of each as last read, or why there is none."""
        known = (self._known.get((one.kind, namespace, one.name)) for one in references)
        return [version(one.answer) if one else "" for one in known]

    async def refresh(self) -> None:
        """Keep what is in use up to date, and forget what is not; for ever."""
        while True:
            await asyncio.sleep(PULSE)
            await self._round()

    async def _round(self) -> None:
        now = self._clock()
        for at, known in tuple(self._known.items()):
            if unused(known, now):
                del self._known[at]
            elif due(known, now):
                answer = await self._read(at)
                if version(answer) == "":
                    return  # the server is down: one question a second is enough

    async def _answer(self, at: Object, fresh: bool) -> Answer:
        """What is known, at once; only what was never read, or asked for afresh, is waited for."""
        known = self._known.get(at)
        if known:
            known.asked = self._clock()
            if not fresh and isinstance(known.answer, Found):
                if due(known, known.asked):
                    self._begin(at)
                return known.answer
            if not fresh and not due(known, known.asked):
                return known.answer
        await self._read(at, fresh)
        return self._known[at].answer

    async def _read(self, at: Object, fresh: bool = False) -> Answer:
        """Read, or join a read that cannot miss anything; a reader may leave before it ends."""
        return await asyncio.shield(self._begin(at, fresh).task)

    def _begin(self, at: Object, fresh: bool = False) -> _Read:
        read = self._reads.get(at)
        if read is None or (fresh and read.sent):
            read = self._reads[at] = _Read()
            read.task = asyncio.create_task(self._fetch(at, read))
        return read

    async def _fetch(self, at: Object, read: _Read) -> Answer:
        try:
            await self._turn()
            read.sent, sent = True, self._clock()
            answer = await self._ask(at)
            self._take(at, answer, sent)
        finally:
            if self._reads.get(at) is read:
                del self._reads[at]
        return answer

    async def _turn(self) -> None:
        async with self._gate:
            while pause := self._bucket.wait(self._clock()):
                await asyncio.sleep(pause)

    async def _ask(self, at: Object) -> Answer:
        kind, namespace, name = at
        path = f"/api/v1/namespaces/{namespace}/{_PLURALS[kind]}/{name}"
        try:
            answer = found(await self._api.get(path))
        except ApiError as error:
            return error.with_traceback(None)
        if kind == "Secret":
            self._learn(answer.plain())
        return answer

    def _take(self, at: Object, answer: Answer, sent: float) -> None:
        known = self._known.get(at)
        if known is None:
            self._known[at] = Known(answer, read=sent, asked=sent)
        elif take(known, answer, sent):
            self._changed(at)
        else:
            return
        if isinstance(answer, ApiError) and not isinstance(answer, Missing):
            log.warning("%s %s/%s not read: %s", *at, answer)


def _body(answer: Answer, at: Object, reasons: Reasons) -> Body:
    if isinstance(answer, Found):
        return answer.body()
    kind = next(kind for kind in reasons if isinstance(answer, kind))
    raise KaituError(reasons[kind], f"{at[0]} {at[2]} {_SAID[kind]}")
