"""What is removed from the image is what no program of ours imports."""

import subprocess
import sys
from pathlib import Path

from slim import GENERATED, KEPT, superfluous

ROOT = Path(__file__).parents[2]
PROGRAM = """
import importlib, pkgutil, sys, kaitu
for module in pkgutil.walk_packages(kaitu.__path__, "kaitu."):
    importlib.import_module(module.name)
exec(sys.argv[1])
print(*(m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None)), sep="\\n")
"""


def imported(also: str = "") -> set[Path]:
    """Files of the modules that all of ours import, asked of a fresh interpreter."""
    argv = (sys.executable, "-W", "ignore", "-c", PROGRAM, also)
    env = {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    return set(map(Path, done.stdout.split()))


def packages() -> Path:
    return next(Path(sys.prefix).glob("lib/python3*/site-packages"))


def removed() -> set[Path]:
    return set(superfluous(packages()))


def test_no_generated_module_is_imported_but_those_that_stay() -> None:
    generated = {folder for folder in GENERATED if (packages() / folder).is_dir()}
    assert generated == set(GENERATED)
    used = {f.name for f in imported() if str(f.parent.relative_to(f.anchor)).endswith(GENERATED)}
    assert used == KEPT


def test_nothing_that_is_imported_is_removed() -> None:
    assert len(removed()) > 1000
    assert not removed() & imported()


def test_the_check_finds_one() -> None:
    """The planted fault: touching one API class, of either client."""
    touched = "import kubernetes.aio.client as a, kubernetes.client as b; a.CoreV1Api, b.CoreV1Api"
    names = {file.name for file in removed() & imported(touched)}
    assert "core_v1_api.py" in names
