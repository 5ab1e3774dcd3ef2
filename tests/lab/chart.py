"""The chart through the real Helm: rendered, refused, installed."""

import os
from pathlib import Path
from typing import Any

import yaml

from lab import cache, programs
from lab.command import attempt, run

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "kaitu-operator"
NAME = "kaitu-operator"
NAMESPACE = "kaitu-system"
Values = dict[str, Any]


def helm(*words: str, values: Values | None = None, version: str = "helm") -> str:
    """Its standard output; raises ``Failed`` with what it said when it refuses."""
    return run(*_argv(*words, version=version), input=_text(values), env=_env())


def refusal(*words: str, values: Values | None = None) -> str:
    """What Helm says against these values."""
    code, _, error = attempt(*_argv(*words), input=_text(values), env=_env())
    assert code, "Helm took these values"
    return error


def template(*words: str, namespace: str = NAMESPACE) -> tuple[str, ...]:
    """The words that render the chart with the values given on standard input."""
    words = ("--kube-version", "1.36.0", *words)  # Helm 3 as we build it takes 1.20 for granted
    return ("template", NAME, str(CHART), "--namespace", namespace, "--values", "-", *words)


def objects(text: str) -> list[Values]:
    return [one for one in yaml.safe_load_all(text) if one]


def rendered(values: Values | None = None, *words: str, version: str = "helm") -> list[Values]:
    """The objects, those of `helm test` among them."""
    return objects(helm(*template(*words), values=values, version=version))


def _argv(*words: str, version: str = "helm") -> tuple[str, ...]:
    return (str(programs.program(version)), *words)


def _text(values: Values | None) -> str:
    return yaml.safe_dump(values or {})


def _env() -> dict[str, str]:
    """Nothing of the user's own Helm, and nothing of ours for it."""
    home = cache.shared() / f"helm-{os.getpid()}"
    return {f"HELM_{kind}_HOME": str(home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
