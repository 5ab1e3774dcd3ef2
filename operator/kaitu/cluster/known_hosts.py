"""The host keys that were learned: a ConfigMap per namespace, one public key per KaituNode.

An entry is written once and then only replaced by what a person accepted. It stays when its
KaituNode goes: a name that comes back must not trust whoever answers then.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from kaitu.api.connection import is_host_key
from kaitu.cluster.api import Api, ApiError, Body, Conflict, Missing
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason

NAME: Final = "kaitu-known-hosts"
FRESH: Final = 60.0
"""Seconds for which a ConfigMap is believed to be as it was read."""
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class _Known:
    """A ConfigMap as it was read; without a version there was none."""

    version: str
    keys: Mapping[str, str]
    read: float


class KnownHosts:
    """The one reader and writer of these ConfigMaps. Raises ``KaituError`` (KnownHostsFailed)."""

    def __init__(self, api: Api, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._turn = asyncio.Lock()

    async def key(self, namespace: str, name: str, *, fresh: bool = False) -> str | None:
        """The key of a node as a line, or None where none was learned yet.

        An old answer is better than none while the API server is away: keys seldom change.
        """
        known = self._known.get(namespace)
        now = self._clock()
        if known is None or fresh or now - known.read >= FRESH:
            if known:
                self._known[namespace] = replace(known, read=now)  # others need not ask, too
            try:
                known = await self._read(namespace)
            except ApiError as error:
                if known is None:
                    raise _failed(f"not read: {error}") from None
        return _entry(known, name)

    async def store(self, namespace: str, name: str, line: str, *, instead_of: str | None) -> None:
        """Make ``line`` the key of a node that had the key ``instead_of``, and no other one."""
        async with self._turn:
            try:
                await self._store(namespace, name, line, instead_of)
            except ApiError as error:
                raise _failed(f"not written: {error}") from None

    async def _store(self, namespace: str, name: str, line: str, instead_of: str | None) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            known = await self._read(namespace)
            if _entry(known, name) != instead_of:
                raise _failed(f"{name} was changed meanwhile; nothing was written")
            try:
                body = await self._write(namespace, known.version, {name: line})
            except Conflict:
                if attempt == ATTEMPTS:
                    raise
            else:
                self._known[namespace] = _known(body, self._clock())
                return

    async def _read(self, namespace: str) -> _Known:
        asked = self._clock()
        try:
            found = _known(await self._api.get(f"{_all(namespace)}/{NAME}"), asked)
        except Missing:
            found = _Known("", {}, asked)
        newer = self._known.get(namespace)
        if newer and newer.read > asked:  # written, or asked for and answered, meanwhile
            return newer
        self._known[namespace] = found
        return found

    async def _write(self, namespace: str, version: str, data: Mapping[str, str]) -> Body:
        """As it was read, or not at all: ``Conflict`` when it exists by now, or has changed."""
        if version:
            patch = {"metadata": {"resourceVersion": version}, "data": data}
            return await self._api.patch(f"{_all(namespace)}/{NAME}", patch)
        metadata = {"name": NAME, "namespace": namespace}
        new = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        return await self._api.create(_all(namespace), new)


def _all(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def _known(body: Body, now: float) -> _Known:
    return _Known(body["metadata"]["resourceVersion"], body.get("data") or {}, now)


def _entry(known: _Known, name: str) -> str | None:
    """What stands there by another's hand may be anything; it is never taken for no key."""
    line = known.keys.get(name)
    if line is None:
        return None
    if not is_host_key(line.strip()):
        raise _failed(f"{name} is no public key; correct it, or remove it to learn it anew")
    return line.strip()


def _failed(message: str) -> KaituError:
    return KaituError(Reason.KNOWN_HOSTS_FAILED, f"ConfigMap {NAME}: {message}")
