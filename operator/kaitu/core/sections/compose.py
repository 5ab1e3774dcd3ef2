"""What users write about the stack: one release, and what it takes to move to it."""

from typing import Annotated, Final

from pydantic import Field

from kaitu.core.desired import Reference
from kaitu.core.durations import Duration, between, seconds
from kaitu.core.models import ConfigMapKeyRef, SectionSpec, Services, SpecModel
from kaitu.core.rules import Rule

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


class UpdateSpec(SpecModel):
    """How a release replaces the one before it."""

    attempts: Annotated[int, Field(ge=1, le=20)] | None = None
    """How often images are pulled before that counts as failed. Default 5."""
    jitter: Annotated[Duration, between("0s", "1h")] | None = None
    """A random delay before the pull, at most this long, to spare the registry. Default 0s."""
    gate: GateSpec | None = None
    """What must be healthy first. A gate that stays closed restores the release before."""


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
    update: UpdateSpec | None = None
    """How a release replaces the one before it."""

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
    def gate_services(self) -> tuple[str, ...] | None:
        """The gate services of the spec; None: those that the compose file awaits."""
        return self.update.gate.services if self.update and self.update.gate else None

    @property
    def gate_seconds(self) -> float:
        gate = self.update.gate if self.update else None
        return seconds((gate and gate.timeout) or "60s")
