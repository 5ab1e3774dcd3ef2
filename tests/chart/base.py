"""manifests/base: the chart rendered once more, for kustomize and plain kubectl.

Helm is needed to write it. Whether it is still what the chart says is seen without Helm: by the
digest of the chart's sources, which stands in its kustomization.yaml.
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

_HEAD: Final = "# Rendered from charts/kaitu-operator by `make chart`; do not edit.\n"
_HELMS_OWN: Final = re.compile(
    r"^ +(app\.kubernetes\.io/managed-by|helm\.sh/chart|checksum/policy): .*\n", re.MULTILINE
)

_KUSTOMIZATION: Final = """\
# Rendered from charts/kaitu-operator by `make chart`; do not edit: write an overlay.
# Its sources then: sha256:{digest}
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
    """Every file that Helm is needed for, by its name."""
    files = dict.fromkeys(FILES.values(), _HEAD)
    for template, file in FILES.items():
        files[file] += _plain(_template(template))
    return {**files, "kustomization.yaml": kustomization()}


def kustomization() -> str:
    return _KUSTOMIZATION.format(digest=digest(), name=NAME, namespace=NAMESPACE)


def plain() -> dict[str, str]:
    """The files that no template makes."""
    return {
        "namespace.yaml": _HEAD + _NAMESPACE.format(namespace=NAMESPACE),
        "policy.yaml": _POLICY,
        "crds.yaml": (ROOT / "crds" / "kaitunodes.yaml").read_text(),
    }


def digest() -> str:
    """Of all that the rendered files follow from."""
    whole = hashlib.sha256()
    for path in (
        CHART / "Chart.yaml",
        CHART / "values.yaml",
        *sorted(CHART.glob("templates/*")),
        Path(__file__),
    ):
        if path.is_file():
            whole.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return whole.hexdigest()


def _template(name: str) -> str:
    return run(
        str(programs.program("helm")), "template", NAME, str(CHART), "--namespace", NAMESPACE,
        "--show-only", f"templates/{name}",
    )  # fmt: skip


def _plain(text: str) -> str:
    """Without what is true only of an installation by Helm."""
    short = re.sub(r"^# Source: .*\n", "", _HELMS_OWN.sub("", text), flags=re.MULTILINE)
    return re.sub(r"\n\n+", "\n", short)
