"""What Flux and Argo CD think of objects: their own code, as one program (verdicts/main.go)."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import programs
from lab.command import run


@dataclass(frozen=True)
class Verdict:
    """By kstatus, by an example's expressions for Flux, and by a script for Argo CD."""

    kstatus: str
    flux: str
    argocd: str
    said: str


def judge(
    objects: Sequence[Mapping[str, Any]], script: str, expressions: Mapping[str, str]
) -> list[Verdict]:
    """One verdict for each object, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        lua, cel = Path(folder, "health.lua"), Path(folder, "expressions.json")
        lua.write_text(script)
        cel.write_text(json.dumps(expressions))
        lines = "".join(json.dumps(one) + "\n" for one in objects)
        out = run(str(programs.program("verdicts")), str(lua), str(cel), input=lines)
    found = [json.loads(line) for line in out.splitlines()]
    return [
        Verdict(one["kstatus"], one["flux"], one["argocd"]["status"], one["argocd"]["message"])
        for one in found
    ]
