"""What reaching the cluster costs at run time, asked of a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = r"kubernetes\.(aio\.)?client\.(api|models)\."
PROGRAM = """
import importlib, pkgutil, re, sys
import kaitu.cluster
for module in pkgutil.iter_modules(kaitu.cluster.__path__):
    importlib.import_module(f"kaitu.cluster.{module.name}")
exec(sys.argv[2])
print(*(name for name in sys.modules if re.match(sys.argv[1], name)))
"""


def generated(also: str) -> list[str]:
    argv = (sys.executable, "-W", "ignore", "-c", PROGRAM, GENERATED, also)
    env = {"PYTHONPATH": str(ROOT / "operator")}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_no_generated_module_is_imported() -> None:
    assert generated("") == []


def test_the_check_finds_one() -> None:
    """The planted fault: touching one API class, of either client."""
    touched = "import kubernetes.aio.client as a, kubernetes.client as b; a.CoreV1Api, b.CoreV1Api"
    found = generated(touched)
    for client in ("kubernetes.aio.client", "kubernetes.client"):
        assert any(name.startswith(f"{client}.api.core_v1_api") for name in found)
