"""The sections of a spec: what users write about each managed thing.

Absent lists are empty lists; every other default of ours is a property next to its field, never a
default of the schema: a server's default would later beat every profile.
"""

from datetime import datetime
from typing import Annotated, Any, Final

from cronsim import CronSim, CronSimError
from pydantic import Field

from kaitu.core.desired import Reference
from kaitu.core.durations import Duration, between, seconds
from kaitu.core.k2 import (
    FORMATS,
    HOP_MAX,
    HOP_MIN,
    HOP_RULE,
    MOST_HOP_PORTS,
    REFUSED_NAMES,
    RENDERABLE,
    Format,
    check_variable,
    check_variables,
    refused_name,
)
from kaitu.core.models import ConfigMapKeyRef, SecretKeyRef, SectionSpec, SpecModel
from kaitu.core.rules import Distinct, Keyed, Rule

COMPOSE_KEY: Final = "docker-compose.yml"
"""The key of the compose file in the ConfigMap ``compose-<version>``."""

Port = Annotated[int, Field(ge=1, le=65535)]
ServiceName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$", max_length=63)]
Services = Annotated[tuple[ServiceName, ...], Field(max_length=32), Distinct()]


# ------------------------------------------------------------------------------------- sysctl


class SettingSpec(SpecModel):
    """One kernel setting."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$", max_length=128)]
    """The key with dots, such as net.ipv4.tcp_congestion_control. Slashes are refused."""
    value: Annotated[str, Field(pattern=r"^[!-~]+([\t ]+[!-~]+)*$", max_length=256)]
    """What it shall be, now and after a reboot. Write numbers in quotes."""
    optional: bool | None = None
    """True: a kernel that lacks the key is no fault. Default false."""


class SysctlSpec(SectionSpec):
    """Kernel settings: the running value, and a drop-in file of ours for the next boot.

    A setting that leaves the list leaves that file; its running value stays until a reboot.
    """

    settings: Annotated[tuple[SettingSpec, ...], Field(max_length=64), Keyed("name")] = ()
    """The settings, by name. An empty list removes the ones written earlier."""


# --------------------------------------------------------------------------------------- cron


def _runs(schedule: Any) -> bool:
    """Whether cron could ever start it; the nicknames are right by pattern."""
    if schedule.startswith("@"):
        return True
    try:
        next(CronSim(schedule, datetime(2024, 1, 1)))  # noqa: DTZ001 - any day will do
    except (CronSimError, StopIteration):
        return False
    return True


_STEP: Final = r"(\*|[0-9]{1,2}(-[0-9]{1,2})?)(/[0-9]{1,2})?"
_LIST: Final = rf"{_STEP}(,{_STEP})*"
_MONTHS: Final = (
    "[Jj]an|[Ff]eb|[Mm]ar|[Aa]pr|[Mm]ay|[Jj]un|[Jj]ul|[Aa]ug|[Ss]ep|[Oo]ct|[Nn]ov|[Dd]ec"
)
_DAYS: Final = "[Ss]un|[Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at"
SCHEDULE: Final = (
    r"^(@(reboot|hourly|daily|midnight|weekly|monthly|yearly|annually)"
    rf"|({_LIST} +){{3}}({_LIST}|{_MONTHS}) +({_LIST}|{_DAYS}))$"
)


class CronEntrySpec(SpecModel):
    """One line of cron, in a file of its own."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=48)]
    """Names the file /etc/cron.d/kaitu-<name>; no dots, for cron would ignore the file."""
    schedule: Annotated[
        str,
        Field(pattern=SCHEDULE, max_length=128),
        Rule("must be a time that cron can reach", "", _runs),
    ]
    """Five fields in the node's time zone, or @hourly, @daily, @midnight, @weekly, @monthly,
    @yearly, @annually, @reboot."""
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]*$", max_length=32)] | None = None
    """Who runs it; the operator's policy names who may. Default root."""
    command: Annotated[str, Field(pattern=r"^[!-$&-~]([ -$&-~]*[!-$&-~])?$", max_length=1000)]
    """The command line, as sh reads it. A per cent sign is refused: cron makes it a line break."""

    @property
    def runs_as(self) -> str:
        return self.user or "root"


class CronSpec(SectionSpec):
    """Entries of cron, each a file of ours in /etc/cron.d. Files of others are left alone."""

    entries: Annotated[tuple[CronEntrySpec, ...], Field(max_length=32), Keyed("name")] = ()
    """The entries, by name. An empty list removes the ones written earlier."""


# ---------------------------------------------------------------------------------------- env


class EnvSourceSpec(SpecModel):
    """Where a value comes from."""

    secret_key_ref: SecretKeyRef
    """A key of a Secret of type Opaque that is labelled fleet.kaitu.io/use: env."""


def _formed(known: Format) -> Rule:
    """The rule of some K2 variables, for values that are written in the spec itself."""
    names = ", ".join(f"'{name}'" for name in known.names)
    return Rule(
        f"{', '.join(known.names)}: {known.text}",
        f"!has(self.value) || !(self.name in [{names}])"
        f" || self.value.matches({_quoted(f'^({known.pattern})$')})",
        lambda var: var.name not in known.names or var.broken_rule is None,
    )


def _quoted(pattern: str) -> str:
    """As a string of CEL, in which a backslash escapes."""
    return "'" + pattern.replace("\\", "\\\\") + "'"


class EnvVarSpec(SpecModel):
    """One variable of the node's .env."""

    RULES = (
        Rule(
            "set exactly one of value and valueFrom",
            "has(self.value) != has(self.valueFrom)",
            lambda var: (var.value is None) != (var.value_from is None),
        ),
        *(_formed(known) for known in FORMATS),
    )

    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128),
        Rule(
            "K2_NODE_SECRET and COMPOSE_* are kept out of every .env",
            f"!self.matches('^{REFUSED_NAMES}$')",
            lambda name: not refused_name(name),
        ),
    ]
    """The variable. K2_NODE_SECRET and COMPOSE_* are refused in any spelling."""
    value: Annotated[
        Annotated[str, Field(pattern=f"^{RENDERABLE}$", max_length=4096)] | None,
        Field(repr=False),
    ] = None
    """The value, in the open. No single quote, backslash or line break: not every compose would
    read them back alike."""
    value_from: EnvSourceSpec | None = None
    """Take the value from a Secret instead."""

    @property
    def broken_rule(self) -> str | None:
        """What ``core.k2`` says against a value that is written here."""
        return None if self.value is None else check_variable(self.name, self.value)

    @property
    def reference(self) -> Reference | None:
        if self.value_from is None:
            return None
        source = self.value_from.secret_key_ref
        return Reference("Secret", source.name, source.key)


def _hops(items: Any) -> bool:
    written = {var.name: var.value for var in items if var.value is not None}
    return check_variables(written) is None


_HOPS: Final = Rule(
    HOP_RULE,
    f"self.all(a, a.name != '{HOP_MIN}' || !has(a.value) || "
    f"self.all(b, b.name != '{HOP_MAX}' || !has(b.value) || "
    f"(int(b.value) >= int(a.value) && int(b.value) - int(a.value) < {MOST_HOP_PORTS})))",
    _hops,
)


class EnvSpec(SectionSpec):
    """Variables of the node's .env; every other line of that file stays as it is.

    A variable that leaves the list stays in the file and stops being ours.
    """

    vars: Annotated[tuple[EnvVarSpec, ...], Field(max_length=100), Keyed("name"), _HOPS] = ()
    """The variables, by name."""


# ------------------------------------------------------------------------------------ compose


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
        if self.inline is not None:
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


# ------------------------------------------------------------------------------------- health


class DiskSpec(SpecModel):
    """How full the file systems of / and of the deployment directory may be."""

    RULES = (
        Rule(
            "warnPercent must not be higher than failPercent",
            "(has(self.warnPercent) ? self.warnPercent : 80)"
            " <= (has(self.failPercent) ? self.failPercent : 90)",
            lambda disk: disk.warn <= disk.fail,
        ),
    )

    warn_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """From here on it is reported. Default 80."""
    fail_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    """From here on the node is not healthy. Default 90."""

    @property
    def warn(self) -> int:
        return 80 if self.warn_percent is None else self.warn_percent

    @property
    def fail(self) -> int:
        return 90 if self.fail_percent is None else self.fail_percent


class TcpCheckSpec(SpecModel):
    """One port that must accept connections from where the operator runs."""

    port: Port
    """The port, at the address of spec.connection.host."""


class HealthSpec(SpecModel):
    """What a healthy node is: running services, free disk, open ports. Only watched."""

    disk: DiskSpec | None = None
    """Limits of disk use."""
    services: Services | None = None
    """Compose services that must be healthy. Default: every service of the compose file."""
    tcp: Annotated[tuple[TcpCheckSpec, ...], Field(max_length=16), Keyed("port")] = ()
    """Ports that the operator dials."""

    @property
    def limits(self) -> DiskSpec:
        return self.disk or DiskSpec()
