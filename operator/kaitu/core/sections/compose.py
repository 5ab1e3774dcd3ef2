"""What users write about the stack: one release, and what it takes to move to it."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from kaitu.core.desired import Reference
from kaitu.core.durations import Duration, between, seconds
from kaitu.core.models import ConfigMapKeyRef, SectionSpec, ServiceName, Services, SpecModel
from kaitu.core.rules import Keyed, Rule
from kaitu.core.sections.cron import FiveFields

COMPOSE_KEY: Final = "docker-compose.yml"
"""The key of the compose file in the ConfigMap ``compose-<version>``."""


class ComposeFileSpec(SpecModel):
    """Where the compose file comes from."""

    RULES = (
        Rule(
            "set exactly one of configMapRef and inline",
            "has(self.configMapRef) != has(self.inline)",
            lambda file: (file.config_map_ref is None) != (file.inline is None),
        ),
    )

    config_map_ref: ConfigMapKeyRef | None = None
    """A key of a ConfigMap."""
    inline: Annotated[str, Field(min_length=1, max_length=262144)] | None = None
    """The text itself. Prefer a ConfigMap: one text for many nodes."""


class GateSpec(SpecModel):
    """Services that must be healthy before the others are touched."""

    services: Services | None = None
    """The gate services. Default: those that others await with service_healthy; [] is no gate."""
    timeout: Annotated[Duration, between("1s", "30m")] | None = None
    """How long they may take. Default 60s."""


class OnFailure(StrEnum):
    """What becomes of the node when a release fails on it; either way the release is held."""

    RESTORE = "Restore"
    HOLD = "Hold"


class UpdateSpec(SpecModel):
    """How a release replaces the one before it."""

    attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    """How often images are pulled before that counts as failed. Default 5."""
    jitter: Annotated[Duration, between("0s", "1h")] | None = None
    """A random delay before the pull, at most this long, to spare the registry. Default 0s."""
    gate: GateSpec | None = None
    """What must be healthy first. Services behind a gate that stays closed are not touched."""
    on_failure: OnFailure | None = None
    """Restore (default): compose file, managed lines of .env and images of before come back, once.
    Hold: all is left as it is. Either way the release is not tried again before its input changes
    or the annotation fleet.kaitu.io/retry names it."""


class ImagePinSpec(SpecModel):
    """The image of one service, by content."""

    service: ServiceName
    """The service in the compose file, which names the repository."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71)]
    """The digest that the registry has for it."""


class AutoUpdateSpec(SpecModel):
    """Pull the tags of the compose file anew, and move to images that are newer."""

    schedule: FiveFields
    """Five fields of cron, in UTC. A node that cannot be visited then is updated when it can."""
    jitter: Annotated[Duration, between("0s", "12h")] | None = None
    """A delay that differs from node to node, at most this long. Default 10m."""

    @property
    def jitter_seconds(self) -> float:
        return seconds(self.jitter or "10m")


class ComposeSpec(SectionSpec):
    """The stack: the compose file of one release, and what it takes to move to it.

    The compose file and .env are one deployment: both are checked with the node's own compose,
    images are pulled, then both are put in place, the gate is awaited, the rest follows. What
    fails after that restores the release before. Nothing is ever taken down first.
    """

    version: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=63)]
    """The release of the stack, such as 5.4.0; reported back in status once it runs."""
    directory: (
        Annotated[
            str,
            Field(max_length=200),
            Field(pattern=r"^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$"),
        ]
        | None
    ) = None
    """The deployment directory on the node, within the operator's policy. Default
    /apps/kaitu-slave."""
    minimum_plugin: (
        Annotated[str, Field(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){0,2}$", max_length=14)] | None
    ) = None
    """Leave a node alone whose compose plugin is older. Default 2.20."""
    file: ComposeFileSpec | None = None
    """The compose file. Default: key docker-compose.yml of the ConfigMap compose-<version>."""
    images: Annotated[tuple[ImagePinSpec, ...], Field(max_length=32), Keyed("service")] = ()
    """Images by content instead of by tag; services that are not listed follow their tags."""
    update: UpdateSpec | None = None
    """How a release replaces the one before it."""
    auto_update: AutoUpdateSpec | None = None
    """Replaces a node's own update script. Default: tags are pulled anew on demand only, by the
    annotation fleet.kaitu.io/pullAt."""

    @property
    def inline(self) -> str | None:
        return self.file.inline if self.file else None

    @property
    def reference(self) -> Reference | None:
        """The key that holds the compose file; None when the spec has its text."""
        if self.inline:
            return None
        if self.file and self.file.config_map_ref:
            source = self.file.config_map_ref
            return Reference("ConfigMap", source.name, source.key)
        return Reference("ConfigMap", f"compose-{self.version}", COMPOSE_KEY)

    @property
    def oldest_plugin(self) -> tuple[int, ...]:
        """The lowest version of the compose plugin that may be worked with."""
        return tuple(int(part) for part in (self.minimum_plugin or "2.20").split("."))

    @property
    def attempts(self) -> int:
        return (self.update and self.update.attempts) or 5

    @property
    def jitter_seconds(self) -> float:
        return seconds((self.update and self.update.jitter) or "0s")

    @property
    def on_failure(self) -> OnFailure:
        return (self.update and self.update.on_failure) or OnFailure.RESTORE

    @property
    def gate_services(self) -> tuple[str, ...] | None:
        """The gate services of the spec; None: those that the compose file awaits."""
        return self.update.gate.services if self.update and self.update.gate else None

    @property
    def gate_seconds(self) -> float:
        gate = self.update.gate if self.update else None
        return seconds((gate and gate.timeout) or "60s")
