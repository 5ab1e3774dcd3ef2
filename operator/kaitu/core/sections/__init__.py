"""The sections of a spec: what users write about each managed thing.

Absent lists are empty lists; every other default of ours is a property next to its field, never a
default of the schema: a server's default would later beat every profile.
"""

from kaitu.core.sections.compose import (
    COMPOSE_KEY,
    AutoUpdateSpec,
    ComposeFileSpec,
    ComposeSpec,
    GateSpec,
    ImagePinSpec,
    OnFailure,
    UpdateSpec,
)
from kaitu.core.sections.cron import CronEntrySpec, CronSpec
from kaitu.core.sections.env import EnvSourceSpec, EnvSpec, EnvVarSpec
from kaitu.core.sections.health import DiskSpec, HealthSpec, TcpCheckSpec
from kaitu.core.sections.sysctl import SettingSpec, SysctlSpec

__all__ = [
    "COMPOSE_KEY",
    "AutoUpdateSpec",
    "ComposeFileSpec",
    "ComposeSpec",
    "CronEntrySpec",
    "CronSpec",
    "DiskSpec",
    "EnvSourceSpec",
    "EnvSpec",
    "EnvVarSpec",
    "GateSpec",
    "HealthSpec",
    "ImagePinSpec",
    "OnFailure",
    "SettingSpec",
    "SysctlSpec",
    "TcpCheckSpec",
    "UpdateSpec",
]
