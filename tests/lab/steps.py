"""One line for each thing the lab sets up: nobody should wonder what a silent minute is for."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class LabError(Exception):
    """The lab cannot have something; the text says what, and the ways to get it."""


def say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


@contextmanager
def step(what: str, about: str) -> Iterator[None]:
    """Announce a step with its usual length, and say how long it took."""
    say(f"{what} (about {about})")
    began = time.monotonic()
    yield
    say(f"{what}: done in {time.monotonic() - began:.1f} s")
