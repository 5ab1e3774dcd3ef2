"""Small pure text functions that more than one layer needs."""

import base64
import hashlib
import json
from typing import Any, Final

from kaitu.core.errors import UnparsableError

MARK: Final = "# kaitu-operator: written from the KaituNode, changes here are undone"
"""The first line of every cron file and sysctl drop-in of ours; scripts know it by heart, too."""
MOST_SHOWN: Final = 1000
"""Characters of a step's text or item: status takes little more."""


def digest(data: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def lines(out: bytes, what: str) -> list[str]:
    """The lines of a fragment's output; every line must be complete, printable UTF-8."""
    try:
        text = out.decode()
    except UnicodeDecodeError:
        raise UnparsableError(f"{what} is not UTF-8") from None
    if text and not text.endswith("\n"):
        raise UnparsableError(f"{what} ends in the middle of a line")
    return text.split("\n")[:-1]


def fields(line: str, count: int, what: str) -> list[str]:
    """Exactly ``count`` tab-separated fields."""
    found = line.split("\t")
    if len(found) != count:
        raise UnparsableError(f"{what} has {len(found)} fields instead of {count}")
    return found


def one_line(text: str, most: int = 80) -> str:
    """Text of a node as it may be shown: one printable line of bounded length."""
    if text.isprintable() and " " not in text and len(text) <= most:
        return text
    flat = " ".join(text.split())
    if not flat.isprintable():
        flat = "".join(char if char.isprintable() else "?" for char in flat)
    return flat if len(flat) <= most else f"{flat[: most - 3]}..."


def uncoded(text: str, what: str) -> bytes:
    """A field as ``fields.sh`` tells it: as it is behind a =, or in base64."""
    return text[1:].encode() if text.startswith("=") else unbase64(text, what)


def unbase64(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # of binascii, and of base64 itself for text beyond ASCII
        raise UnparsableError(f"{what} is not base64") from None


def canonical(value: Any) -> bytes:
    """JSON with one spelling, for digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
