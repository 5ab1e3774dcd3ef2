"""What is known of the variables of a node's ``.env``: formats, ranges and names to keep out of.

A rule's text never holds the value it is about: the value may come from a Secret.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

MOST_HOP_PORTS: Final = 100
HOP_MIN: Final = "K2_HOP_PORT_MIN"
HOP_MAX: Final = "K2_HOP_PORT_MAX"

REFUSED_NAMES: Final = r"(?i:K2_NODE_SECRET|COMPOSE_.*)"
"""The node's secret is nobody's to send; COMPOSE_* changes what compose does on the node."""

RENDERABLE: Final = r"[^'\\\r\n\x00]*"
"""What can be written to ``.env`` so that every compose reads the same: bare or single-quoted."""

_PORT: Final = (
    r"[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
)
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


@dataclass(frozen=True, slots=True)
class Format:
    """What the values of some variables look like; ``pattern`` is for the whole value.

    ``open`` says that nothing of this form can be a secret, so that it may be read off a node.
    """

    names: tuple[str, ...]
    pattern: str
    text: str
    open: bool = True


FORMATS: Final = (
    Format(("K2V4_PORT", "K2OC_PORT", HOP_MIN, HOP_MAX), _PORT, "must be a port from 1 to 65535"),
    Format(("K2OC_ENABLED",), "true|false", "must be true or false"),
    Format(
        ("K2_DOMAIN", "K2OC_DOMAIN"),
        rf"(\*\.)?({_LABEL}\.)+{_LABEL}",
        "must be a domain name, with or without *. in front",
    ),
    Format(
        ("K2_CENTER_URL",),
        r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?",
        "must be an http or https URL",
        open=False,  # a token can be part of it
    ),
    Format(("K2_LOG_LEVEL",), "debug|info|warn|error", "must be one of debug, info, warn, error"),
    Format(
        ("K2_NODE_BILLING_START_DATE",),
        r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
        "must be a date, YYYY-MM-DD",
    ),
    Format(
        ("K2_NODE_TRAFFIC_LIMIT_GB",),
        r"0|[1-9][0-9]{0,8}",
        "must be a whole number of gigabytes, 0 for no limit",
    ),
)
OPEN: Final = {name: one.pattern for one in FORMATS if one.open for name in one.names}
"""The variables whose values may be read off a node, and only where they have this form."""
_REFUSED: Final = re.compile(REFUSED_NAMES)
_RENDERABLE: Final = re.compile(RENDERABLE)
_BY_NAME: Final = {name: known for known in FORMATS for name in known.names}


def refused_name(name: str) -> bool:
    """Whether no spec may ever set this name, whatever the policy says."""
    return _REFUSED.fullmatch(name) is not None


def check_variable(name: str, value: str) -> str | None:
    """The rule that ``name=value`` breaks, or None. Call it for values of Secrets, too."""
    if refused_name(name):
        return "must not be set: K2_NODE_SECRET and COMPOSE_* are kept out of every .env"
    if not _RENDERABLE.fullmatch(value):
        return "must not hold a single quote, a backslash, a line break or NUL"
    known = _BY_NAME.get(name)
    if known and not re.fullmatch(known.pattern, value):
        return known.text
    if name == "K2_NODE_BILLING_START_DATE" and not _exists(value):
        return "must be a day that exists"
    return None


def check_variables(values: Mapping[str, str]) -> str | None:
    """The rule that several variables break together, or None; each alone is checked before."""
    if HOP_MIN not in values or HOP_MAX not in values:
        return None
    if not hop_range(values[HOP_MIN], values[HOP_MAX]):
        return HOP_RULE
    return None


HOP_RULE: Final = f"{HOP_MIN} to {HOP_MAX} must be a range of 1 to {MOST_HOP_PORTS} ports"


def hop_range(least: str, most: str) -> bool:
    """Both are ports already: at least one port and at most a hundred lie in the range."""
    return 0 <= int(most) - int(least) < MOST_HOP_PORTS


def _exists(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True
