"""Who is told of every login and every command: the metrics, where there are any."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from kaitu.core.errors import KaituError


class Observer(Protocol):
    """Nothing that it is told is a secret."""

    def logged_in(self, seconds: float) -> None: ...
    def not_logged_in(self, error: KaituError) -> None: ...
    def ran(self, script: str, error: KaituError | None) -> None: ...


class _Nobody:
    """Takes no notice."""

    def logged_in(self, seconds: float) -> None: ...
    def not_logged_in(self, error: KaituError) -> None: ...
    def ran(self, script: str, error: KaituError | None) -> None: ...


NOBODY: Final[Observer] = _Nobody()


@contextmanager
def login(observer: Observer) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    except KaituError as error:
        observer.not_logged_in(error)
        raise
    observer.logged_in(time.monotonic() - began)


@contextmanager
def command(observer: Observer, script: str) -> Iterator[None]:
    try:
        yield
    except KaituError as error:
        observer.ran(script, error)
        raise
    observer.ran(script, None)
