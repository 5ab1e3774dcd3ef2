"""What a KaituNode says, as texts. Pure: nothing is asked, and the time is an argument."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kaitu.api.annotations import TOKENS
from kaitu.core.reasons import REASONS, Condition, Reason

Body = Mapping[str, Any]

_STEP: Final = re.compile(r"\.(\w+)|\[\?\(@\.type==\"(\w+)\"\)\]")
STYLES: Final = {"True": "green", "False": "red", "Unknown": "yellow"}


def key(body: Body) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def status(body: Body) -> Mapping[str, Any]:
    found: Mapping[str, Any] = body.get("status") or {}
    return found


def condition(body: Body, kind: Condition) -> Mapping[str, Any]:
    """A condition, empty before the first visit."""
    return next((one for one in status(body).get("conditions", ()) if one["type"] == kind), {})


def reason(said: Mapping[str, Any]) -> Reason | None:
    """None also for a reason of a newer operator."""
    try:
        return Reason(said.get("reason", ""))
    except ValueError:
        return None


def hint(said: Mapping[str, Any]) -> str:
    """What a person can do about it, in the operator's own words."""
    found = reason(said)
    return REASONS[found].hint if found else ""


def current(body: Body) -> bool:
    """Whether the status speaks of the spec as it is now."""
    return bool(status(body).get("observedGeneration") == body["metadata"].get("generation"))


def ready(body: Body) -> bool:
    return current(body) and condition(body, Condition.READY).get("status") == "True"


def suspended(body: Body) -> bool:
    return bool(body["spec"].get("suspend"))


def handled(body: Body, token: str) -> str | None:
    """The last value of a request that was done."""
    found: str | None = status(body).get("handled", {}).get(token)
    return found


def asked(body: Body, token: str) -> str | None:
    """The value of a request that stands on the node."""
    found: str | None = (body["metadata"].get("annotations") or {}).get(TOKENS[token])
    return found


def at(body: Body, place: str) -> Any:
    """What one of the CRD's printer columns points at; None where there is nothing."""
    found: Any = body
    for field, kind in _STEP.findall(place):
        if field:
            found = found.get(field) if isinstance(found, Mapping) else None
        else:
            found = next((one for one in found or () if one.get("type") == kind), None)
    return found


def since(text: str | None, now: datetime) -> str:
    """How long ago, as kubectl writes it."""
    if not text:
        return "<unknown>"
    return length(now - datetime.fromisoformat(text.replace("Z", "+00:00")))


def length(span: timedelta) -> str:
    """At most two units, the larger the fewer: 45s, 3m20s, 47m, 5h12m, 3d."""
    second = max(0, int(span.total_seconds()))
    unit, small = next((unit, small) for limit, unit, small in _UNITS if second < limit)
    whole, rest = divmod(second, unit)
    under, name = small
    part = rest // under if under else 0
    return f"{whole}{_NAMES[unit]}" + (f"{part}{name}" if part else "")


_NAMES: Final = {1: "s", 60: "m", 3600: "h", 86400: "d"}
_UNITS: Final = (
    (120, 1, (0, "")),
    (600, 60, (1, "s")),
    (3 * 3600, 60, (0, "")),
    (8 * 3600, 3600, (60, "m")),
    (48 * 3600, 3600, (0, "")),
    (8 * 86400, 86400, (3600, "h")),
    (float("inf"), 86400, (0, "")),
)
"""As ``kubectl get`` has it: below which seconds, in which unit, with which part of it."""


def now() -> datetime:
    return datetime.now(UTC)
