"""The version of this program, as it was installed."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    """From a source tree nobody can say."""
    try:
        return version("kaitu-operator")
    except PackageNotFoundError:
        return "source"


PROGRAM: Final = _installed()
