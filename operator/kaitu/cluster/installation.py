"""Who we are to the nodes: the ConfigMap whose UID names this installation and holds the fence."""

import logging
from typing import Final

from kaitu.cluster.api import Api, ApiError, Body, Conflict
from kaitu.cluster.configmap import found_or_made

log = logging.getLogger(__name__)

NAME: Final = "kaitu-installation"
FENCE: Final = "fence"
ATTEMPTS: Final = 20


class Installation:
    """The ConfigMap in the operator's namespace; made when it is not there."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._all = f"/api/v1/namespaces/{namespace}/configmaps"

    async def id(self) -> str:
        """The installation id. One that came back from a backup is another one."""
        return str((await self._found())["metadata"]["uid"])

    async def raise_fence(self) -> int:
        """A counter that no other leader has or had; for every gain of leadership.

        Raises ``ApiError``: ``Conflict`` when others were faster each time.
        """
        for _ in range(ATTEMPTS):
            found = await self._found()
            counter = _counter(found) + 1
            found["data"] = {**(found.get("data") or {}), FENCE: str(counter)}
            try:
                await self._api.update(f"{self._all}/{NAME}", found)
            except Conflict:
                continue
            return counter
        raise Conflict(409, f"ConfigMap {NAME} changed {ATTEMPTS} times while it was being raised")

    async def _found(self) -> Body:
        return await found_or_made(self._api, self._all, NAME, {FENCE: "0"})


def _counter(body: Body) -> int:
    """The fence in the ConfigMap. A counter that was damaged must not start again at 0."""
    text = (body.get("data") or {}).get(FENCE, "")
    if not (text.isascii() and text.isdigit()):
        raise ApiError(
            0,
            f"ConfigMap {NAME}: {FENCE} is {text[:40]!r}; set it to the highest that a node knows",
        )
    return int(text)
