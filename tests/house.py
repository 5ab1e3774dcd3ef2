"""The size of the house in figures: what a reader meets per file and per function.

`make check` prints them, test_house.py holds them to their limits.
"""

import ast
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "operator"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def files() -> Iterator[Path]:
    """Every Python file that people read: the product, its tests, benchmarks and image."""
    for folder in ("operator", "tests", "bench", "image"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def length(function: Function) -> int:
    """Lines from `def` to the end, without the docstring: prose must not count against us."""
    last = function.end_lineno or function.lineno
    lines = last - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length(node)


@dataclass(frozen=True)
class House:
    """Figures of the product, and the longest file anywhere."""

    lines: int
    median: float
    p95: float
    longest: tuple[str, int]
    longest_file: tuple[str, int]

    def __str__(self) -> str:
        return (
            f"house: {self.lines} lines in operator/; functions: median {self.median:g} lines, "
            f"95 % <= {self.p95:g}, longest {self.longest[1]} ({self.longest[0]}); "
            f"longest file {self.longest_file[1]} ({self.longest_file[0]})"
        )


def measure() -> House:
    sizes = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files()}
    product = sorted(SOURCE.rglob("*.py"))
    found = [item for path in product for item in functions(path)] or [("none", 0)]
    lengths = [lines for _, lines in found]
    return House(
        lines=sum(sizes[str(path.relative_to(ROOT))] for path in product),
        median=statistics.median(lengths),
        p95=sorted(lengths)[int(0.95 * (len(lengths) - 1))],
        longest=max(found, key=lambda item: item[1]),
        longest_file=max(sizes.items(), key=lambda item: item[1]),
    )


if __name__ == "__main__":
    print(measure())
