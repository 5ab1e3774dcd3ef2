"""When a schedule of cron was due last; the time is an argument."""

from datetime import UTC, datetime

from cronsim import CronSim


def latest(schedule: str, now: float) -> int:
    """The last time of ``schedule`` (five fields, in UTC) up to ``now``; both in Unix time."""
    after = datetime.fromtimestamp(now + 60, UTC).replace(second=0, microsecond=0)
    return int(next(CronSim(schedule, after, reverse=True)).timestamp())
