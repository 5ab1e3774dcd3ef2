"""The ConfigMaps in the operator's namespace that its processes share."""

from collections.abc import Mapping

from kaitu.cluster.api import Api, Body, Conflict, Missing


async def found_or_made(api: Api, all_of_them: str, name: str, data: Mapping[str, str]) -> Body:
    """The ConfigMap as it is, made with ``data`` where there is none; ``all_of_them`` is the path
    of those of its namespace. Raises ``ApiError``.
    """
    try:
        return await api.get(f"{all_of_them}/{name}")
    except Missing:
        return await _made(api, all_of_them, name, data)


async def _made(api: Api, all_of_them: str, name: str, data: Mapping[str, str]) -> Body:
    new = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": dict(data)}
    try:
        return await api.create(all_of_them, new)
    except Conflict:  # another process made it just now
        return await api.get(f"{all_of_them}/{name}")
