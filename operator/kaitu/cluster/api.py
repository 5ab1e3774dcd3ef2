"""The few verbs we need, on raw paths, with dicts in and out.

The generated API classes of the official package are never imported: they cost 25 MB and 0.6 s.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from kaitu.cluster import login
from kaitu.cluster.errors import (
    ApiError,
    Conflict,
    Deposed,
    Forbidden,
    Invalid,
    Missing,
    Unauthorized,
    Unavailable,
    of_failure,
    of_status,
)
from kaitu.cluster.login import Credentials, Login, Place, log_in

__all__ = [
    "Api",
    "ApiError",
    "Conflict",
    "Credentials",
    "Deposed",
    "Forbidden",
    "Invalid",
    "Missing",
    "Named",
    "Unauthorized",
    "Unavailable",
]

TIMEOUT: Final = 10.0
"""Seconds for a request, from the wait for a connection to the last byte of the answer."""
AT_ONCE: Final = 16
CONNECTIONS: Final = AT_ONCE + 4
"""More than ordinary requests may take: the lease is renewed also while a slow server is busy."""
PAGE: Final = 500
_SILENCE: Final = aiohttp.ClientTimeout(total=None, connect=TIMEOUT, sock_read=90)
"""A watch is told every minute that nothing has happened, else its line is dead."""
LOGIN_AGAIN: Final = 15.0
"""Least seconds between two logins; longer than a request, so that none is under way on a client
when that is closed at the login after next."""

_SEGMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_NAMES_ONLY: Final = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
_MERGE: Final = "application/merge-patch+json"
_AGENT: Final = "kaitu-operator"

Body = dict[str, Any]
Name = tuple[str, str]  # namespace, name


class Named(NamedTuple):
    """Which object has a name, and in which state."""

    uid: str
    version: str


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: Mapping[str, str | int]
    body: Mapping[str, Any] | None = None
    accept: str = "application/json"
    content: str = "application/json"
    seconds: float = TIMEOUT

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def url(self, host: str) -> str:
        """A reference with dots or slashes in its name must not lead to another namespace."""
        if not all(_SEGMENT.fullmatch(part) for part in self.path.removeprefix("/").split("/")):
            raise Missing(404, f"{self.method} {self.path!r}: no object has such a name")
        return host + self.path + (f"?{urlencode(self.query)}" if self.query else "")


class Api:
    """A connection to one API server. All methods raise ``ApiError``; none retries but for 401."""

    def __init__(self, login: Login, place: Place) -> None:
        # Asked at the last moment: who slept must not send what it meant to say while it led.
        self.may_write: Callable[[], bool] = lambda: True
        self._place = place
        self._login = login
        self._client = _client(login.configuration, place.agent)
        self._before: ApiClient | None = None
        self._logged_in = time.monotonic()
        self._relogin = asyncio.Lock()
        self._slots = asyncio.Semaphore(AT_ONCE)

    @classmethod
    async def connect(
        cls, kubeconfig: str | None = None, context: str | None = None, agent: str = _AGENT
    ) -> Self:
        """Load the login (``log_in`` says from where, and raises); nothing is sent yet.

        ``agent`` is who asks, as the server's audit log and an object's managed fields have it.
        """
        return cls(await log_in(kubeconfig, context), Place(kubeconfig, context, agent))

    async def close(self) -> None:
        for client in (self._before, self._client):
            if client:
                await client.close()

    def credentials(self) -> Credentials:
        """As of the newest request: each re-reads what rotates (a pod's token, once a minute)."""
        return login.credentials(self._client.configuration)

    def default_namespace(self) -> str:
        """The pod's namespace, else that of the kubeconfig's context, else ``default``."""
        return self._login.namespace

    async def get(self, path: str, **query: str | int) -> Body:
        return await self._ordinary(_Request("GET", path, query))

    async def list(self, path: str, **query: str | int) -> AsyncIterator[Body]:
        """The items, read in pages; it raises in the middle rather than end early."""
        async for item in self._items(_Request("GET", path, query)):
            yield item

    async def watch(self, path: str, **query: str | int) -> AsyncIterator[Body]:
        """Changes as the server tells them, until it or the line ends: then list again.

        Raises ``ApiError`` also for a change that is an error, such as a version that is too old.
        """
        request = _Request("GET", path, {**query, "watch": 1, "allowWatchBookmarks": "true"})
        async for line in _lines(self._client, request):
            told = line["object"]
            if line["type"] == "ERROR":
                raise of_status(told.get("code", 0), str(request), json.dumps(told).encode())
            yield line

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        """``path`` is that of the collection; ``Conflict`` when the object exists already."""
        return await self._ordinary(_Request("POST", path, {}, body))

    async def update(self, path: str, body: Mapping[str, Any]) -> Body:
        """Replace it as it was read: ``Conflict`` unless ``resourceVersion`` is the newest."""
        return await self._ordinary(_Request("PUT", path, {}, body))

    async def patch(self, path: str, body: Mapping[str, Any]) -> Body:
        """A merge patch: lists are replaced whole, null removes."""
        return await self._ordinary(_Request("PATCH", path, {}, body, content=_MERGE))

    async def delete(self, path: str) -> Body:
        return await self._ordinary(_Request("DELETE", path, {}))

    async def urgent(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        seconds: float = TIMEOUT,
    ) -> Body:
        """A request that does not queue behind the ordinary ones: the lease must not starve."""
        return await self._send(_Request(method, path, {}, body, seconds=seconds))

    async def list_names(self, path: str, namespaces: Collection[str] = ()) -> dict[Name, Named]:
        """Every object of a kind by namespace and name, as it is now; only metadata is sent.

        ``path`` is that of the kind in all namespaces; with ``namespaces``, only those are read.
        """
        found = {}
        for one in _scopes(path, namespaces):
            async for item in self._items(_Request("GET", one, {}, accept=_NAMES_ONLY)):
                meta = item["metadata"]
                found[meta["namespace"], meta["name"]] = Named(
                    meta["uid"], meta["resourceVersion"]
                )
        return found

    async def _items(self, request: _Request) -> AsyncIterator[Body]:
        query = {**request.query, "limit": PAGE}
        while True:
            page = await self._ordinary(
                _Request(request.method, request.path, query, accept=request.accept)
            )
            for item in page.get("items") or ():
                yield item
            token = page["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token

    async def _ordinary(self, request: _Request) -> Body:
        async with self._slots:
            if request.method != "GET" and not self.may_write():
                raise Deposed(0, f"{request}: not sent, this process does not lead")
            return await self._send(request)

    async def _send(self, request: _Request) -> Body:
        """Send once; a second time after a new login when the server did not know us."""
        used = self._client
        try:
            return await _exchange(used, request)
        except (Unauthorized, aiohttp.ClientConnectorCertificateError):
            await self._log_in_again(used)
        try:
            return await _exchange(self._client, request)
        except aiohttp.ClientConnectorCertificateError as error:
            raise of_failure(error, str(request)) from None

    async def _log_in_again(self, used: ApiClient) -> None:
        """A token or a CA was replaced, or revoked: read what the files say now."""
        async with self._relogin:
            if used is not self._client or time.monotonic() - self._logged_in < LOGIN_AGAIN:
                return
            self._logged_in = time.monotonic()
            self._login = await log_in(self._place.kubeconfig, self._place.context)
            if self._before:
                await self._before.close()
            self._before = self._client
            self._client = _client(self._login.configuration, self._place.agent)


def _client(configuration: Configuration, agent: str) -> ApiClient:
    """Proxies come from the kubeconfig alone, as for kopf, whose watch goes to the same server."""
    configuration.connection_pool_maxsize = CONNECTIONS
    configuration.client_session_kwargs = {"trust_env": False}
    client = ApiClient(configuration)
    client.user_agent = agent
    return client


async def _lines(client: ApiClient, request: _Request) -> AsyncIterator[Body]:
    """One JSON document a line, as they come; a line may be longer than aiohttp likes to read."""
    rest = b""
    try:
        answer = await _begun(client, request, _SILENCE)
        with closing(answer.response):
            if answer.status >= 400:
                raise of_status(answer.status, str(request), await answer.read())
            async for chunk in answer.response.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield json.loads(line)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise of_failure(error, str(request)) from None


async def _begun(client: ApiClient, request: _Request, limits: aiohttp.ClientTimeout) -> Any:
    """An answer of which the head has come."""
    return await client.call_api(
        request.method,
        request.url(client.configuration.host),
        await _headers(client, request),
        request.body,
        _request_timeout=limits,
    )


async def _exchange(client: ApiClient, request: _Request) -> Body:
    try:
        answer = await _begun(client, request, aiohttp.ClientTimeout(total=request.seconds))
        data = await answer.read()
    except aiohttp.ClientConnectorCertificateError:
        raise
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise of_failure(error, str(request)) from None
    if answer.status >= 400:
        raise of_status(answer.status, str(request), data)
    try:
        found: Body = json.loads(data)
    except ValueError as error:  # cut short, or a page of something in between
        raise of_failure(error, str(request)) from None
    return found


async def _headers(client: ApiClient, request: _Request) -> dict[str, str]:
    agent = client.user_agent
    headers = {"Accept": request.accept, "Content-Type": request.content, "User-Agent": agent}
    token = await client.configuration.get_api_key_with_prefix("BearerToken")
    return {**headers, "Authorization": token} if token else headers


def _scopes(path: str, namespaces: Collection[str]) -> tuple[str, ...]:
    prefix, _, plural = path.rpartition("/")
    return tuple(f"{prefix}/namespaces/{name}/{plural}" for name in namespaces) or (path,)
