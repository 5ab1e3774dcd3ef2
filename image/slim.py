"""Remove what the operator never imports from an installed virtual environment.

The kubernetes package is most of it: one generated module for each kind and each API group, twice,
of which the operator uses none (tests/cluster/test_imports.py) and kopf three.
"""

import sys
from pathlib import Path

GENERATED = tuple(
    f"kubernetes/{client}/{part}"
    for client in ("client", "aio/client")
    for part in ("api", "models")
)
# kopf recognises owners that are objects of these classes.
KEPT = {
    "__init__.py",
    "v1_managed_fields_entry.py",
    "v1_object_meta.py",
    "v1_owner_reference.py",
}
SOURCES = {".c", ".h", ".pxd", ".pyx", ".pxi"}  # of compiled modules


def superfluous(packages: Path) -> list[Path]:
    """Files to remove from a site-packages folder."""
    generated = [file for folder in GENERATED for file in (packages / folder).glob("*.py")]
    sources = [file for file in packages.rglob("*") if file.suffix in SOURCES]
    return [file for file in generated if file.name not in KEPT] + sources


def main(environment: Path) -> None:
    """Say what was removed: a release of a package that moved its files would show here."""
    for packages in environment.glob("lib/python3*/site-packages"):
        files = superfluous(packages)
        print(f"{packages}: {len(files)} files removed")
        for file in files:
            file.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
