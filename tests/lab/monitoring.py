"""The Prometheus operator's own CRDs, out of its Go module, to check our monitors against."""

import json
from pathlib import Path

from lab import cache
from lab.command import run
from lab.steps import LabError

MODULE = "github.com/prometheus-operator/prometheus-operator@v0.87.1"
SUM = "h1:zjzxO10Rv3goA/GDbE3Vgf2TNhhcOp7fZbRG0Tkm3OY="
NAMES = ("podmonitors", "prometheusrules", "servicemonitors")


def crds() -> Path:
    """A folder with the definitions of the kinds that the chart can make."""
    folder = cache.root() / "monitoring" / cache.digest(MODULE, SUM)
    with cache.locked(folder.with_suffix(".lock")):
        if not folder.exists():
            _fetch(folder.with_suffix(".part")).rename(folder)
    return folder


def _fetch(folder: Path) -> Path:
    found = json.loads(run("go", "mod", "download", "-json", MODULE, timeout=600))
    if found["Sum"] != SUM:
        raise LabError(f"{MODULE} has the checksum {found['Sum']}, which is not the pinned one")
    source = Path(found["Dir"]) / "example" / "prometheus-operator-crd"
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        text = (source / f"monitoring.coreos.com_{name}.yaml").read_text()
        (folder / f"{name}.yaml").write_text(text)
    return folder
