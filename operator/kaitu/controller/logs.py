"""The log: one line per record, as text or JSON, with the visit it belongs to, without secrets."""

import json
import logging
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from kaitu.core.redaction import Redactor

FORMATS: Final = ("text", "json")
NOISY: Final = ("kopf", "asyncssh", "asyncio", "aiohttp.access")
"""Loggers of libraries that repeat commands, requests or whole objects."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One node's turn; its id ties the lines of one visit together."""

    namespace: str
    name: str
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return round(time.monotonic() - self.began, 3)


_TURN: ContextVar[Turn | None] = ContextVar("turn", default=None)


@contextmanager
def turn(namespace: str, name: str) -> Iterator[Turn]:
    """Every line that is logged within belongs to this node's turn."""
    token = _TURN.set(Turn(namespace, name))
    try:
        yield _TURN.get() or Turn(namespace, name)
    finally:
        _TURN.reset(token)


def set_up(level: str, shape: str, redactor: Redactor, stream: TextIO | None = None) -> None:
    """All loggers write to one handler, which redacts."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Formatter(shape, redactor))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


class Formatter(logging.Formatter):
    """What leaves the process, whoever logged it, has been through ``Redactor.clean``."""

    def __init__(self, shape: str, redactor: Redactor) -> None:
        super().__init__()
        self._render = {"text": self._text, "json": self._json}[shape]
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.clean(self._render(record))

    def _text(self, record: logging.LogRecord) -> str:
        said = [time_of(record), record.levelname, record.name, record.getMessage()]
        if found := _TURN.get():
            said.insert(3, f"[{found.namespace}/{found.name} {found.id}]")
        if (seconds := getattr(record, "duration_s", None)) is not None:
            said.append(f"({seconds} s)")
        return "\n".join(filter(None, (" ".join(said), self._error(record))))

    def _json(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "ts": time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "msg": record.getMessage(),
        }
        if found := _TURN.get():
            line |= {"namespace": found.namespace, "name": found.name, "reconcileID": found.id}
        if (seconds := getattr(record, "duration_s", None)) is not None:
            line["duration_s"] = seconds
        if error := self._error(record):
            line["error"] = error
        return json.dumps(line, ensure_ascii=False, default=repr)

    def _error(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


def time_of(record: logging.LogRecord) -> str:
    """UTC with milliseconds, as RFC 3339 has it."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def visited(log: logging.Logger, reason: str, *, news: bool) -> None:
    """The end of a visit: worth a line at INFO where it did something, or found something new."""
    found = _TURN.get()
    extra = {"duration_s": found.seconds} if found else {}
    log.log(logging.INFO if news else logging.DEBUG, "visited: %s", reason, extra=extra)
