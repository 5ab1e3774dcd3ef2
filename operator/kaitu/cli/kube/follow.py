"""The nodes as they are at every moment: listed, then kept up to date by a watch."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from kaitu.cli.kube.look import key
from kaitu.cli.kube.session import Session
from kaitu.cluster.errors import ApiError, Unavailable

Body = Mapping[str, Any]
Key = tuple[str, str]
AGAIN: Final = 1.0
"""Seconds until a list that failed, or a watch that ended, is begun anew."""


async def follow(
    session: Session, query: Mapping[str, str | int]
) -> AsyncIterator[dict[Key, Body] | Unavailable]:
    """Every state of all nodes in scope, for ever; an error where the server does not answer.

    Raises ``ApiError`` for what no waiting mends, such as a right that is missing.
    """
    while True:
        try:
            page = await session.api.get(session.scope, **query)
            nodes: dict[Key, Body] = {key(one): one for one in page["items"]}
            yield dict(nodes)
            version = page["metadata"]["resourceVersion"]
            watch = session.api.watch(session.scope, **query, resourceVersion=version)
            async for change in watch:
                if _taken(nodes, change):
                    yield dict(nodes)
        except Unavailable as error:
            yield error
        except ApiError as error:
            if error.status != EXPIRED:
                raise
        await asyncio.sleep(AGAIN)


EXPIRED: Final = 410


def _taken(nodes: dict[Key, Body], change: Mapping[str, Any]) -> bool:
    """Take one event in; False where it tells nothing of a node."""
    if change["type"] == "BOOKMARK":
        return False
    body = change["object"]
    if change["type"] == "DELETED":
        nodes.pop(key(body), None)
    else:
        nodes[key(body)] = body
    return True
