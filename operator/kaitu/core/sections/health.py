"""What users write about a healthy node."""

from typing import Annotated

from pydantic import Field

from kaitu.core.models import Port, Services, SpecModel
from kaitu.core.rules import Keyed, Rule


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
    """One port that must accept connections."""

    port: Port
    """The port, at the address of spec.connection.host."""


class HealthSpec(SpecModel):
    """What a healthy node is: running services, free disk, open ports. Only watched."""

    disk: DiskSpec | None = None
    """Limits of disk use."""
    services: Services | None = None
    """Compose services that must be healthy. Default: every service of the compose file."""
    tcp: Annotated[tuple[TcpCheckSpec, ...], Field(max_length=16), Keyed("port")] = ()
    """Ports that the operator dials. Behind spec.connection.jumps they are dialled from the last
    jump, which must allow forwarding to them."""

    @property
    def limits(self) -> DiskSpec:
        return self.disk or DiskSpec()
