"""Specs for tests: one good one, and a table of mistakes that operator and API server refuse."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "api" / "cases"
SAMPLES = ROOT / "manifests" / "samples"


@dataclass(frozen=True)
class Case:
    """``patch`` on the good spec. ``at`` and ``says`` are what the operator answers.

    ``server`` is False where the schema's language cannot tell: then only the operator refuses.
    ``server_says`` is what the server answers, where that is a text of ours.
    """

    why: str
    patch: dict[str, Any]
    at: str = ""
    says: str = ""
    server: bool = True
    server_says: str = ""

    @property
    def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = patched(good(), self.patch)
        return found

    def __str__(self) -> str:
        return self.why.replace(" ", "-")


def cases(name: str) -> list[Case]:
    """The table ``tests/api/cases/<name>.yaml``."""
    return [Case(**case) for case in yaml.safe_load((CASES / f"{name}.yaml").read_text())]


def objects(name: str) -> list[dict[str, Any]]:
    """The objects of a sample manifest."""
    return list(yaml.safe_load_all((SAMPLES / f"{name}.yaml").read_text()))


def good() -> dict[str, Any]:
    """The spec of the full sample, as a copy of its own."""
    nodes = [one for one in objects("full") if one["kind"] == "KaituNode"]
    found: dict[str, Any] = copy.deepcopy(nodes[0]["spec"])
    return found


def patched(target: Any, patch: Any) -> Any:
    """A merge patch (RFC 7386): null removes, lists are replaced."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = patched(made.get(key), value)
    return made


def kaitu_node(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "fleet.kaitu.io/v1alpha1",
        "kind": "KaituNode",
        "metadata": {"name": name},
        "spec": spec,
    }


def full_status() -> dict[str, Any]:
    """A status with every field."""
    found: dict[str, Any] = yaml.safe_load((CASES / "status.yaml").read_text())
    return found


def longest_status() -> dict[str, Any]:
    """The same with far more than fits."""
    status = full_status()
    status["aspects"][0]["message"] = "x" * 5000
    status["conditions"][0]["message"] = "x" * 50000
    status["architecture"] = "x" * 5000
    status["drift"] *= 100
    status["plan"]["steps"][1]["services"] *= 100
    status["plan"]["steps"] *= 100
    status["facts"]["ipv6"] *= 100
    status["compose"]["services"] *= 100
    return status
