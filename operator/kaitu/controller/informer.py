"""kopf as an informer: it lists, watches, authenticates, and calls one handler that only enqueues.

Nothing else of kopf is used: its timers end for good after a failed patch, its daemons and timers
put a finalizer on every object, and its change handlers copy the spec into an annotation.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import kopf

from kaitu.api.crd import GROUP, PLURAL, VERSION
from kaitu.cluster.api import Credentials

log = logging.getLogger(__name__)

See = Callable[[str | None, Mapping[str, Any]], None]
_RELOGIN = timedelta(minutes=10)


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps nothing on the objects, and spares the copy of every object that kopf would make."""

    def build(self, **_: Any) -> Any:
        return {}

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> NoReturn:
        raise AssertionError("kopf must not store anything on an object")


class _NoProgress(kopf.ProgressStorage):
    """There are no handlers that could have progress."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> NoReturn:
        raise AssertionError("kopf must not store anything on an object")

    def purge(self, **_: Any) -> None:
        return None

    def touch(self, **_: Any) -> None:
        return None

    def clear(self, *, essence: Any) -> Any:
        return essence


class _Backoffs:
    """An endless, re-iterable row of delays: an API server that restarts is waited for."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.5
        while True:
            yield delay * random.uniform(0.7, 1.3)  # noqa: S311 - jitter, not a secret
            delay = min(30.0, delay * 2)


def settings(grace: float) -> kopf.OperatorSettings:
    """The settings of research/kopf.md 6.2: each differs from a default that hurts a fleet."""
    ours = kopf.OperatorSettings()
    ours.networking.request_timeout = 30
    ours.networking.connect_timeout = 5
    ours.networking.error_backoffs = _Backoffs()
    ours.networking.enforce_retry_after = True
    ours.watching.server_timeout = random.randint(290, 600)  # noqa: S311 - spreads reconnects
    ours.watching.client_timeout = 660
    ours.watching.inactivity_timeout = 80
    ours.watching.reconnect_backoff = 1
    ours.watching.chunk_size = 500
    ours.queueing.idle_timeout = 0.2
    ours.queueing.error_delays = (1, 2, 5, 10, 30)
    ours.persistence.finalizer = f"{GROUP}/kopf-unused"
    ours.persistence.diffbase_storage = _NoDiffBase()
    ours.persistence.progress_storage = _NoProgress()
    ours.posting.enabled = False
    ours.posting.loggers = False
    ours.scanning.disabled = True
    ours.peering.standalone = True
    ours.process.ultimate_exiting_timeout = grace
    ours.execution.max_workers = 4
    return ours


def registry(see: See, credentials: Callable[[], Credentials]) -> kopf.OperatorRegistry:
    """One event handler and one login; both return at once."""
    ours = kopf.OperatorRegistry()

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=ours)
    async def seen(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's name
        see(type, body)

    @kopf.on.login(registry=ours, retries=None)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return _connection(credentials())

    return ours


def _connection(found: Credentials) -> kopf.ConnectionInfo:
    """Fresh credentials at each call: one 401 with an unchanged token must not end the process."""
    now = datetime.now(UTC)
    return kopf.ConnectionInfo(
        server=found.server,
        ca_data=found.ca_data,
        insecure=found.insecure,
        token=found.token,
        certificate_data=found.certificate_data,
        private_key_data=found.private_key_data,
        proxy_url=found.proxy_url,
        expiration=now + _RELOGIN + timedelta(microseconds=random.randrange(1000)),  # noqa: S311
    )


async def watch(
    see: See,
    credentials: Callable[[], Credentials],
    namespaces: Collection[str],
    *,
    stop: asyncio.Event,
    ready: asyncio.Event,
    grace: float,
) -> None:
    """Watch KaituNodes until ``stop``; no namespaces means all of them."""
    logging.getLogger("kopf").setLevel(logging.WARNING)
    await kopf.operator(
        registry=registry(see, credentials),
        settings=settings(grace),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=list(namespaces),
        stop_flag=stop,
        ready_flag=ready,
    )
