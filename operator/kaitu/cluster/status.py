"""The one writer of ``status``: a merge patch of what differs, or nothing at all."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from kaitu.api.crd import path
from kaitu.cluster.api import Api, Body, Conflict, Missing

log = logging.getLogger(__name__)

ATTEMPTS: Final = 5


class Known(Protocol):
    """A KaituNode as it was last seen; ``version`` is its resourceVersion."""

    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def uid(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def status(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class _Base:
    """What a patch starts from."""

    version: str
    status: Mapping[str, Any]


async def write(
    api: Api, known: Known, status: Mapping[str, Any], *, attempts: int = ATTEMPTS
) -> Body | None:
    """Make the status of this very object be ``status``; the object afterwards.

    After a conflict it is tried again on what is there now; one attempt is for who has nothing to
    say of what is newer.

    None when there was nothing to write, or the object is gone or replaced by a namesake.
    Raises ``ApiError`` when the server did not take it; it may have, if ``Unavailable``.
    """
    place = path(known.namespace, known.name)
    base = _Base(known.version, known.status)
    for attempt in range(1, attempts + 1):
        patch = diff(base.status, status)
        if not patch:
            return None
        try:
            return await api.patch(f"{place}/status", _body(base.version, patch))
        except Missing:
            return None
        except Conflict:
            newer = await _reread(api, place, known.uid)
            if newer is None:
                return None
            if attempt == attempts:
                raise
            base = newer
    return None


async def _reread(api: Api, place: str, uid: str) -> _Base | None:
    found = await api.get(place)
    if found["metadata"]["uid"] != uid:
        return None
    return _Base(found["metadata"]["resourceVersion"], found.get("status") or {})


def _body(version: str, patch: Mapping[str, Any]) -> Body:
    """The version is the lock, also against a namesake: no two objects ever share one.

    A uid would be no lock here: the server ignores it in a patch of ``status`` (tried on 1.36).
    """
    return {"metadata": {"resourceVersion": version}, "status": patch}


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> Body:
    """The merge patch from ``old`` to ``new``, empty when they mean the same.

    Null, an absent key and an empty object mean the same; lists are compared and sent whole.
    """
    patch: Body = {key: None for key in old if old[key] is not None and new.get(key) is None}
    for key, value in new.items():
        if isinstance(value, Mapping):
            patch |= _nested(key, old.get(key), value)
        elif value is not None and value != old.get(key):
            patch[key] = value
    return patch


def _nested(key: str, old: Any, new: Mapping[str, Any]) -> Body:
    inner = diff(old if isinstance(old, Mapping) else {}, new)
    if inner:
        return {key: inner}
    return {} if old is None or isinstance(old, Mapping) else {key: None}
