"""The version of this program, as it was installed."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    try:
        return version("kaitu-operator")
    except PackageNotFoundError:
        return "from-source"


PROGRAM: Final = _installed()
