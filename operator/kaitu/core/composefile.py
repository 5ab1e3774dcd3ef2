"""A compose file, as far as more than one part of us must understand it. The rest is compose's."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.text import digest

FILE: Final = "docker-compose.yml"
SERVICE_NAME: Final = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,127}")
"""A service's name becomes a word of compose's command line, where ``-V`` is an option."""


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """``services`` are those that start without a profile, in the order of the file.

    ``profiled`` are the others; ``gate`` the ones that others await with ``service_healthy``;
    ``once`` those that nobody restarts, so that one that has ended well is in order.
    """

    services: tuple[str, ...]
    gate: tuple[str, ...]
    once: frozenset[str]
    profiled: frozenset[str]


_KNOWN: Final[dict[str, ComposeFile]] = {}
_MOST_KNOWN: Final = 256


class _Loader(yaml.SafeLoader):
    """Takes compose's own tags (!reset, !override) for what stands under them."""


def _untagged(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_Loader.add_multi_constructor("!", _untagged)


def read(text: str) -> ComposeFile:
    """Raises ``KaituError`` (ComposeInvalid); the text is not quoted, as it may hold secrets.

    A fleet has few files, and YAML is slow: the latest are known by their digests.
    """
    name = digest(text.encode(errors="surrogatepass"))
    found = _KNOWN.pop(name, None) or _read(text)
    _KNOWN[name] = found  # the latest used is the last
    if len(_KNOWN) > _MOST_KNOWN:
        del _KNOWN[next(iter(_KNOWN))]
    return found


def _read(text: str) -> ComposeFile:
    try:
        loaded = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError):
        raise _invalid("is no YAML") from None
    services = loaded.get("services") if isinstance(loaded, dict) else None
    if not isinstance(services, dict) or not services:
        raise _invalid("has no services")
    profiled = {str(name) for name, one in _known(services) if one.get("profiles")}
    active = {str(name): one for name, one in _known(services) if not one.get("profiles")}
    if not active:
        raise _invalid("has only services with profiles")
    awaited = {name for one in active.values() for name in _awaited(one)}
    once = {name for name, one in active.items() if one.get("restart") in {None, "no", False}}
    gate = tuple(name for name in active if name in awaited)
    return ComposeFile(tuple(active), gate, frozenset(once), frozenset(profiled))


def _known(services: Mapping[Any, Any]) -> Iterator[tuple[Any, dict[Any, Any]]]:
    for name, one in services.items():
        if not isinstance(one, dict):
            raise _invalid("has a service that is no mapping")
        if not SERVICE_NAME.fullmatch(str(name)):
            raise _invalid("has a service whose name is no plain word")
        yield name, one


def _awaited(service: Mapping[Any, Any]) -> Iterator[str]:
    """The services that must be healthy before this one starts."""
    needs = service.get("depends_on")
    for name, how in needs.items() if isinstance(needs, dict) else ():
        if isinstance(how, dict) and how.get("condition") == "service_healthy":
            yield str(name)


def _invalid(what: str) -> KaituError:
    return KaituError(Reason.COMPOSE_INVALID, f"the compose file {what}")
