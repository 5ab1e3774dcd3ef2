"""Events on the KaituNode, as ``kubectl events`` shows them: few, and never worth a visit."""

import logging
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from kaitu.api.crd import GROUP, KIND, VERSION
from kaitu.cluster.api import Api, ApiError
from kaitu.cluster.bucket import Bucket
from kaitu.core.text import digest

log = logging.getLogger(__name__)

CONTROLLER: Final = f"{GROUP}/kaitu-operator"
SAME_FOR: Final = 600.0
"""Seconds in which the same thing is said once."""
RATE: Final = 10.0
BURST: Final = 100
MOST_NOTE: Final = 1024  # the API server's limit, in bytes
_LONGEST_NAME: Final = 200


class Said(Protocol):
    """What an event says; ``warning`` decides its type."""

    @property
    def reason(self) -> str: ...
    @property
    def note(self) -> str: ...
    @property
    def warning(self) -> bool: ...


@dataclass(slots=True)
class Memory:
    """What was said lately, oldest first. Pure: the time is an argument."""

    _said: dict[tuple[str, ...], float] = field(default_factory=dict)

    def is_new(self, key: tuple[str, ...], now: float) -> bool:
        """True once per key and ``SAME_FOR``."""
        for old, at in list(self._said.items()):
            if now - at < SAME_FOR:
                break
            del self._said[old]
        if key in self._said:
            return False
        self._said[key] = now
        return True

    def forget(self, key: tuple[str, ...]) -> None:
        self._said.pop(key, None)

    def __len__(self) -> int:
        return len(self._said)


class Recorder:
    """Sends events; those that come too fast are left out, and a failure is only logged."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._memory = Memory()
        self._bucket = Bucket(RATE, BURST)
        self._instance = socket.gethostname()[:128]
        self._full = False

    async def send(self, namespace: str, name: str, uid: str, said: Said) -> bool:
        """Say it of this KaituNode; False when it was left out or not taken."""
        key = (uid, said.reason, digest(said.note.encode()))
        if not self._memory.is_new(key, self._clock()):
            return False
        about = {"namespace": namespace, "name": name, "uid": uid}
        sent = self._may() and await self._sent(about, said)
        if not sent:
            self._memory.forget(key)
        return sent

    def _may(self) -> bool:
        """Whether there is room for one more; says once when there is none."""
        full = self._bucket.wait(self._clock()) > 0
        if full and not self._full:
            log.warning("more than %d events a second: some are left out", RATE)
        self._full = full
        return not full

    async def _sent(self, about: dict[str, str], said: Said) -> bool:
        path = f"/apis/events.k8s.io/v1/namespaces/{about['namespace']}/events"
        try:
            await self._api.create(path, event(about, said, datetime.now(UTC), self._instance))
        except ApiError as error:
            log.warning("event %s of %s not sent: %s", said.reason, about["name"], error)
            return False
        return True


def event(about: dict[str, str], said: Said, now: datetime, instance: str) -> dict[str, Any]:
    """An events.k8s.io/v1 Event about a KaituNode (``about``: namespace, name, uid)."""
    stem = about["name"][:_LONGEST_NAME].rstrip(".-")
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "namespace": about["namespace"],
            "name": f"{stem}.{secrets.token_hex(8)}",
        },
        "regarding": {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, **about},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": "Warning" if said.warning else "Normal",
        "reason": said.reason,
        "action": "Visit",
        "note": said.note.encode()[:MOST_NOTE].decode(errors="ignore"),
        "reportingController": CONTROLLER,
        "reportingInstance": instance,
    }
