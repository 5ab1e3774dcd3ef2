"""Kinds of other projects: their own CRDs, out of the Go modules that they publish."""

import json
from dataclasses import dataclass
from pathlib import Path

from lab.cluster import established
from lab.command import run
from lab.controlplane import ControlPlane
from lab.steps import LabError, step


@dataclass(frozen=True)
class Kinds:
    """A module, the checksum of its contents, and where in it the CRDs are."""

    module: str
    sum: str
    files: tuple[str, ...]


_FLUX = "config/crd/bases/"
_PROMETHEUS = "example/prometheus-operator-crd/*_"
KINDS = (
    Kinds("github.com/fluxcd/source-controller@v1.9.6",
          "h1:nG534/bI6nVpyHra7ONAk6xDB3xPsVT+EOLHZHXPrrc=",
          (_FLUX + "*_gitrepositories.yaml", _FLUX + "*_ocirepositories.yaml")),
    Kinds("github.com/fluxcd/kustomize-controller@v1.9.6",
          "h1:XB+G3A0mky0j5uVHZWv4oSlS2RvZBoNIUhstIvY0JKE=",
          (_FLUX + "*_kustomizations.yaml",)),
    Kinds("github.com/fluxcd/helm-controller@v1.6.0",
          "h1:jlS5X11SG26gspubB5aLrdVSCm0q0tA4ULsY+vwSkL0=", (_FLUX + "*_helmreleases.yaml",)),
    Kinds("github.com/argoproj/argo-cd/v3@v3.5.7",
          "h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=",
          ("manifests/crds/application-crd.yaml", "manifests/crds/appproject-crd.yaml")),
    Kinds("github.com/k3s-io/helm-controller@v0.17.9",
          "h1:HhZTiFhVDzhbAYeb/aSlExWhJTnDTpHypMqu5Mh8Uow=",
          ("pkg/crds/yaml/generated/*_helmcharts.yaml",)),
    Kinds("github.com/prometheus-operator/prometheus-operator@v0.85.0",
          "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
          (_PROMETHEUS + "*monitors.yaml", _PROMETHEUS + "prometheusrules.yaml")),
)  # fmt: skip


def install_others(plane: ControlPlane) -> None:
    """Flux, Argo CD, k3s and the Prometheus operator, as far as the API server is concerned."""
    with step("installing the CRDs of Flux, Argo CD, k3s and the Prometheus operator", "10 s"):
        wanted = [str(path) for kinds in KINDS for path in crds(kinds)]
        files = [word for path in wanted for word in ("-f", path)]
        plane.kubectl("apply", "--server-side", "--force-conflicts", *files)
        established(plane, *files)


def crds(kinds: Kinds) -> list[Path]:
    # Outside of any module: these are files to read, no code to build.
    said = json.loads(
        run("go", "mod", "download", "-json", kinds.module, cwd=Path("/"), timeout=600)
    )
    if said["Sum"] != kinds.sum:
        raise LabError(f"{kinds.module} is not what was pinned: {said['Sum']}")
    found = {files: sorted(Path(said["Dir"]).glob(files)) for files in kinds.files}
    for files, paths in found.items():
        if not paths:
            raise LabError(f"{kinds.module} has no {files}")
    return [path for paths in found.values() for path in paths]
