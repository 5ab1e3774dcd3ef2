"""manifests/base: the chart rendered once more, for kustomize and plain kubectl.

Helm is needed to write it. Whether it is still what the chart says is seen without Helm, by the
digests in its kustomization.yaml: of the chart's sources, and of the files made of them.
"""

import hashlib
import re
from pathlib import Path
from typing import Final

from lab import programs
from lab.command import run

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "charts" / "kaitu-operator"
BASE: Final = ROOT / "manifests" / "base"

NAME: Final = "kaitu-operator"
NAMESPACE: Final = "kaitu-system"
FILES: Final = {
    "serviceaccount.yaml": "rbac.yaml",
    "rbac.yaml": "rbac.yaml",
    "aggregated.yaml": "operator.yaml",
    "service.yaml": "operator.yaml",
    "deployment.yaml": "operator.yaml",
}
"""Template by template, where in the base it goes. The policy is kustomize's own to generate."""

MONITORING: Final = "../overlays/monitoring/monitoring.yaml"
MONITORED: Final = {
    "monitors.yaml": "podMonitor",
    "prometheusrule.yaml": "prometheusRule",
    "dashboards.yaml": "dashboards",
}
"""What the overlay with monitoring has more: template, and the value that asks for it."""

_HEAD: Final = "# Rendered from charts/kaitu-operator by `make chart`; do not edit.\n"
_HELMS_OWN: Final = re.compile(
    r"^ +(app\.kubernetes\.io/managed-by|helm\.sh/chart|checksum/policy): .*\n", re.MULTILINE
)

_KUSTOMIZATION: Final = """\
# Rendered from charts/kaitu-operator by `make chart`; do not edit: write an overlay.
# Made of sources sha256:{sources}; the files it made: sha256:{made}
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - namespace.yaml
  - crds.yaml
  - rbac.yaml
  - operator.yaml
configMapGenerator: # an overlay replaces it by its own policy.yaml with `behavior: replace`
  - name: {name}-policy
    namespace: {namespace}
    files: [policy.yaml]
"""

_NAMESPACE: Final = """\
apiVersion: v1
kind: Namespace
metadata:
  name: {namespace}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""

_POLICY: Final = (
    "# What no KaituNode may ask for: docs/reference.md, Policy. Empty: its defaults.\n{}\n"
)


def rendered() -> dict[str, str]:
    """Every file that Helm is needed for, by its path from the base."""
    files = dict.fromkeys([*FILES.values(), MONITORING], _HEAD)
    for template, file in FILES.items():
        files[file] += _plain(_template(template))
    for template, value in MONITORED.items():
        files[MONITORING] += _plain(_template(template, *_asked(value)))
    return {**files, "kustomization.yaml": kustomization(files)}


def kept() -> dict[str, str]:
    """The rendered files as they lie there; empty where one is missing."""
    paths = {file: BASE / file for file in (*FILES.values(), MONITORING)}
    return {file: path.read_text() if path.exists() else "" for file, path in paths.items()}


def kustomization(files: dict[str, str]) -> str:
    """What it is when the base consists of these rendered files."""
    made = _digest({file: text.encode() for file, text in files.items()})
    return _KUSTOMIZATION.format(
        sources=_digest(_sources()), made=made, name=NAME, namespace=NAMESPACE
    )


def plain() -> dict[str, str]:
    """The files that no template makes."""
    return {
        "namespace.yaml": _HEAD + _NAMESPACE.format(namespace=NAMESPACE),
        "policy.yaml": _POLICY,
        "crds.yaml": (ROOT / "crds" / "kaitunodes.yaml").read_text(),
    }


def _sources() -> dict[str, bytes]:
    """All that the rendered files follow from."""
    templates = (path for path in CHART.glob("templates/*") if path.is_file())
    paths = (CHART / "Chart.yaml", CHART / "values.yaml", Path(__file__), *templates)
    shown = (CHART / "files" / "alerts.yaml", *CHART.glob("files/dashboards/*"))
    return {path.name: path.read_bytes() for path in (*paths, *shown)}


def _digest(files: dict[str, bytes]) -> str:
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name} {len(files[name])}\n".encode() + files[name])
    return whole.hexdigest()


def _template(name: str, *values: str) -> str:
    return run(
        str(programs.program("helm")), "template", NAME, str(CHART), "--namespace", NAMESPACE,
        "--show-only", f"templates/{name}", *values,
    )  # fmt: skip


def _asked(value: str) -> tuple[str, ...]:
    kinds = (f"monitoring.coreos.com/v1/{kind}" for kind in ("PodMonitor", "PrometheusRule"))
    known = (word for kind in kinds for word in ("--api-versions", kind))
    return ("--set", f"monitoring.{value}.enabled=true", *known)


def _plain(text: str) -> str:
    """Without what is true only of an installation by Helm."""
    short = re.sub(r"^# Source: .*\n", "", _HELMS_OWN.sub("", text), flags=re.MULTILINE)
    return re.sub(r"\n\n+", "\n", short)
