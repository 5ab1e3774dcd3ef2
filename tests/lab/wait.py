"""Waiting by deadline: a busy machine is slow, so a test says how long is too long, not how long.

Nothing in the tests sleeps for a guessed time; what they wait for is polled here.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from lab.steps import LabError

T = TypeVar("T")
PAUSE = 0.05


class TooLate(LabError):
    """The deadline passed; carries what was waited for and the last thing seen."""


def until(check: Callable[[], T | None], timeout: float, what: str, pause: float = PAUSE) -> T:
    """Poll `check` until it is truthy, and return its value; LabError and OSError mean not yet.

    A check that is a program of its own should be given a longer `pause`: polling it costs as
    much as what it waits for.
    """
    deadline = time.monotonic() + timeout
    while True:
        value, seen = _attempt(check)
        if value:
            return value
        if time.monotonic() > deadline:
            raise TooLate(f"no {what} within {timeout:g} s; last seen: {seen}")
        time.sleep(pause)


def _attempt(check: Callable[[], T | None]) -> tuple[T | None, str]:
    try:
        value = check()
    except (LabError, OSError) as error:
        return None, f"{type(error).__name__}: {error}"
    return value, repr(value)
