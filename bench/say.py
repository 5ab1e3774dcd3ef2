"""How a figure is printed, and what it is made of."""

import os
import platform
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

Say = Callable[[str, str, str], None]
"""What was measured, the figure, and how it came to be."""


def say(what: str, figure: str, how: str) -> None:
    print(f"{what:<46} {figure:>24}   {how}", flush=True)


def spread(values: Sequence[float], unit: str, digits: int = 2) -> str:
    """The median, with the least and the most where there is more than one."""
    middle, low, high = statistics.median(values), min(values), max(values)
    alone = f"{middle:.{digits}f} {unit}"
    return alone if len(values) == 1 else f"{alone} ({low:.{digits}f}..{high:.{digits}f})"


def machine() -> str:
    """What the figures hold for: processor, kernel, Python, and how busy it is right now."""
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in cpus if line.startswith("model name")), "?")
    return (
        f"{os.cpu_count()} x {model}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )
