"""The spec of a KaituNode. Its annotated fields are the registry of aspects.

To add an aspect, write its file and one field here: CRD, reference, plan and status follow.
"""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final, get_args

from pydantic import ValidationError

from kaitu.api.connection import ConnectionSpec
from kaitu.aspects.compose import ASPECT as COMPOSE
from kaitu.aspects.cron import ASPECT as CRON
from kaitu.aspects.env import ASPECT as ENV
from kaitu.aspects.health import ASPECT as HEALTH
from kaitu.aspects.sysctl import ASPECT as SYSCTL
from kaitu.core.aspect import Aspect
from kaitu.core.durations import Duration, between, seconds
from kaitu.core.errors import KaituError
from kaitu.core.models import Mode, SpecModel
from kaitu.core.reasons import Reason
from kaitu.core.sections import ComposeSpec, CronSpec, EnvSpec, HealthSpec, SysctlSpec

_MOST_SAID: Final = 3


class DeletionPolicy(StrEnum):
    """What becomes of the node when its KaituNode is deleted."""

    RETAIN = "Retain"
    RELEASE = "Release"


class NodeSpec(SpecModel):
    """How to reach one node, and what it should be. An absent section is not managed."""

    suspend: bool | None = None
    """True: no visits at all. Default false."""
    mode: Mode | None = None
    """Enforce (default), or Observe: probe and plan, write nothing at all on the node. A section
    may have a mode of its own."""
    adopt: bool | None = None
    """True: take over a node that already runs a deployment. Default false: such a node is only
    observed until nothing about it would change."""
    interval: Annotated[Duration, between("1s", "24h")] | None = None
    """Time between visits. Default 60s."""
    timeout: Annotated[Duration, between("5s", "10m")] | None = None
    """Deadline of one visit. Default 60s. Pulls and updates have deadlines of their own."""
    retry_interval: Annotated[Duration, between("100ms", "10m")] | None = None
    """First delay after a transient failure; it grows from there. Default 1s."""
    deletion_policy: DeletionPolicy | None = None
    """Retain (default) leaves the node as it is. Release removes our cron files, the sysctl
    drop-in and our records from it; compose file, .env and containers stay in either case."""
    connection: ConnectionSpec
    sysctl: Annotated[SysctlSpec | None, SYSCTL] = None
    cron: Annotated[CronSpec | None, CRON] = None
    env: Annotated[EnvSpec | None, ENV] = None
    compose: Annotated[ComposeSpec | None, COMPOSE] = None
    health: Annotated[HealthSpec | None, HEALTH] = None

    @property
    def interval_seconds(self) -> float:
        return seconds(self.interval or "60s")

    @property
    def timeout_seconds(self) -> float:
        return seconds(self.timeout or "60s")

    @property
    def retry_seconds(self) -> float:
        return seconds(self.retry_interval or "1s")

    @property
    def sections(self) -> dict[str, Any]:
        """The sections that are present, by the name of their aspect."""
        found = {name: getattr(self, name) for name in ASPECTS}
        return {name: section for name, section in found.items() if section is not None}


ASPECTS: Final[dict[str, Aspect[Any, Any, Any]]] = {
    name: mark
    for name, field in NodeSpec.model_fields.items()
    for mark in field.metadata
    if isinstance(mark, Aspect)
}
"""Every managed thing, by the name of its section."""


_MODELS: Final[dict[str, type[SpecModel]]] = {
    name: get_args(NodeSpec.model_fields[name].annotation)[0] for name in ASPECTS
}
_SHORT: Final = 1 << 14


@lru_cache(maxsize=256)
def _section(name: str, text: str) -> SpecModel:
    return _MODELS[name].model_validate_json(text, strict=True)


def validate(spec: Mapping[str, Any]) -> NodeSpec:
    """The spec as a model. Raises ``KaituError`` (InvalidSpec) with path and rule, no values.

    Sections that are alike, of one node or of many, are validated once and shared.
    """
    try:
        texts = {name: json.dumps(spec[name]) for name in ASPECTS if spec.get(name) is not None}
        if any(len(text) > _SHORT for text in texts.values()):
            return _whole(spec)
        rest = {name: value for name, value in spec.items() if name not in texts}
        sections = {name: _section(name, text) for name, text in texts.items()}
        return _whole(rest).model_copy(update=sections)
    except (KaituError, ValidationError, TypeError):
        return _whole(spec)  # which says where in it the mistake is


def _whole(spec: Mapping[str, Any]) -> NodeSpec:
    try:
        return NodeSpec.model_validate_json(json.dumps(spec), strict=True)
    except ValidationError as error:
        raise KaituError(Reason.INVALID_SPEC, told(error)) from None
    except TypeError:
        raise KaituError(Reason.INVALID_SPEC, "spec holds a value that JSON lacks") from None


_PLAINER: Final = {"extra_forbidden": "is no known field", "missing": "is required"}


def told(error: ValidationError, root: str = "spec") -> str:
    """The first few mistakes, each as ``spec.path: rule``; never the value that breaks it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    said = [f"{_path(root, one['loc'])}: {_rule(one['type'], one['msg'])}" for one in found]
    more = len(said) - _MOST_SAID
    return "; ".join(said[:_MOST_SAID]) + (f"; and {more} more" if more > 0 else "")


def _rule(kind: str, message: str) -> str:
    return _PLAINER.get(kind, message.removeprefix("Value error, "))


def _path(root: str, location: Sequence[int | str]) -> str:
    """A JSON path as people write it: ``spec.cron.entries[0].schedule``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return root + "".join(steps)
