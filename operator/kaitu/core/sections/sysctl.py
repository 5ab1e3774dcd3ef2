"""What users write about kernel settings."""

from typing import Annotated

from pydantic import Field

from kaitu.core.models import SectionSpec, SpecModel
from kaitu.core.rules import Keyed


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
