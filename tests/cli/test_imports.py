"""typer and rich are for people at a terminal: the operator's process does without them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(*({"typer", "rich", "kopf", "kubernetes"} & sys.modules.keys()))
"""


def loaded(module: str) -> set[str]:
    argv = (sys.executable, "-W", "ignore", "-c", PROGRAM, module)
    env = {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "packages"),
    [
        ("kaitu.controller.__main__", {"kopf", "kubernetes"}),
        ("kaitu.cli.__main__", {"typer", "rich"}),  # the check sees what is there
    ],
)
def test_each_program_imports_its_own(module: str, packages: set[str]) -> None:
    assert loaded(module) == packages
