"""What users write about cron."""

from datetime import datetime
from typing import Annotated, Any, Final

from cronsim import CronSim, CronSimError
from pydantic import Field

from kaitu.core.models import SectionSpec, SpecModel
from kaitu.core.rules import Keyed, Rule


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
_FIELDS: Final = rf"({_LIST} +){{3}}({_LIST}|{_MONTHS}) +({_LIST}|{_DAYS})"
SCHEDULE: Final = rf"^(@(reboot|hourly|daily|midnight|weekly|monthly|yearly|annually)|{_FIELDS})$"
REACHABLE: Final = Rule("must be a time that cron can reach", "", _runs)
FiveFields = Annotated[str, Field(pattern=rf"^{_FIELDS}$", max_length=128), REACHABLE]
"""A schedule of cron without the nicknames."""


class CronEntrySpec(SpecModel):
    """One line of cron, in a file of its own."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=48)]
    """Names the file /etc/cron.d/kaitu-<name>; no dots, for cron would ignore the file."""
    schedule: Annotated[
        str,
        Field(pattern=SCHEDULE, max_length=128),
        REACHABLE,
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
