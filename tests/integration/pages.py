"""Pages of docs/ as programs: their sh blocks run in order, in one shell, as a reader would."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)


def blocks(page: Path) -> list[str]:
    return BLOCK.findall(page.read_text())


def pages() -> list[str]:
    """Every page with commands, by its path in docs/."""
    found = (page for page in DOCS.rglob("*.md") if blocks(page))
    return sorted(str(page.relative_to(DOCS)) for page in found)


def follow(name: str, folder: Path, replaced: Mapping[str, str], **env: str) -> str:
    """Run the page's commands in this folder; names of examples are ``replaced`` by real ones."""
    parts = (f"echo '--- block {n}' >&2\n{text}" for n, text in enumerate(blocks(DOCS / name), 1))
    script = "\n".join(parts)
    for example, real in replaced.items():
        assert example in script, f"{name} does not say {example} any more"
        script = script.replace(example, real)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{name}:\n{done.stdout[-4000:]}"
    return done.stdout
