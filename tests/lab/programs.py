"""The lab's programs: given, cached, or built from the Go modules that a go.mod pins."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab import cache
from lab.command import run
from lab.steps import LabError, step

HERE = Path(__file__).parent
KUBERNETES = HERE / "controlplane" / "go.mod"
MISSING = (
    "no {name}: set KUBEBUILDER_ASSETS to a folder that has it, or KAITU_TEST_KUBECONFIG to a "
    "cluster you may write to, or install Go >= 1.26 so that it can be built from source"
)


@dataclass(frozen=True)
class Program:
    package: str
    about: str
    module: str = "controlplane"


PROGRAMS = {
    "etcd": Program("go.etcd.io/etcd/server/v3", "50 s"),
    "kube-apiserver": Program("k8s.io/kubernetes/cmd/kube-apiserver", "4 min"),
    "kubectl": Program("k8s.io/kubernetes/cmd/kubectl", "1 min"),
    "kube-controller-manager": Program("k8s.io/kubernetes/cmd/kube-controller-manager", "1 min"),
    "kube-scheduler": Program("k8s.io/kubernetes/cmd/kube-scheduler", "30 s"),
    "kube-proxy": Program("k8s.io/kubernetes/cmd/kube-proxy", "30 s"),
    "kubeadm": Program("k8s.io/kubernetes/cmd/kubeadm", "30 s"),
    "kubelet": Program("k8s.io/kubernetes/cmd/kubelet", "2 min"),
    "helm": Program("helm.sh/helm/v4/cmd/helm", "3 min", "helm"),
    "helm3": Program("helm.sh/helm/v3/cmd/helm", "1 min", "helm"),
    "kubeconform": Program("github.com/yannh/kubeconform/cmd/kubeconform", "10 s", "helm"),
    "sops": Program("github.com/getsops/sops/v3/cmd/sops", "2 min", "sops"),
    "age-keygen": Program("filippo.io/age/cmd/age-keygen", "5 s", "sops"),
    "verdicts": Program(".", "1 min", "verdicts"),
}
FOLDERS = {"controlplane": "control-plane"}


def program(name: str) -> Path:
    """Path of a program, made once per version of its sources."""
    given = Path(os.environ.get("KUBEBUILDER_ASSETS", "/nowhere")) / name
    if given.exists():
        return given
    module = PROGRAMS[name].module
    sources = [HERE / module / "go.sum", *(HERE / module).glob("main.go")]
    digest = cache.digest(*(path.read_bytes() for path in sources))
    folder = cache.root() / FOLDERS.get(module, module) / digest
    with cache.locked(folder / f"{name}.lock"):
        if not (folder / name).exists():
            _build(name, folder / name)
    return folder / name


def kubectl() -> Path:
    """The one on PATH if it is new enough for custom columns of today, else a built one."""
    found = shutil.which("kubectl")
    return Path(found) if found and _minor(found) >= 29 else program("kubectl")


def kustomize(folder: Path) -> str:
    """What kubectl makes of a folder with a kustomization.yaml."""
    return run(str(kubectl()), "kustomize", str(folder))


def _minor(path: str) -> int:
    version = json.loads(run(path, "version", "--client", "-o", "json"))["clientVersion"]
    return int(version["gitVersion"].split(".")[1])


def _build(name: str, target: Path) -> None:
    if not shutil.which("go"):
        raise LabError(MISSING.format(name=name))
    part = target.with_suffix(".part")
    with step(f"building {name} from source", PROGRAMS[name].about):
        run(
            "go", "build", "-trimpath", "-ldflags", f"-s -w {_stamps()}", "-o", str(part),
            PROGRAMS[name].package, cwd=HERE / PROGRAMS[name].module,
            env={"CGO_ENABLED": "0"}, timeout=3600,
        )  # fmt: skip
    part.rename(target)


def release() -> str:
    """Of Kubernetes."""
    found = re.search(r"k8s\.io/kubernetes (v\S+)", KUBERNETES.read_text())
    return found[1] if found else "unknown"


def _stamps() -> str:
    """Without these the server says v0.0.0 and clients refuse to talk to it."""
    version = release()
    major, minor, _ = version.removeprefix("v").split(".")
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return " ".join(
        f"-X k8s.io/component-base/version.{key}={value}" for key, value in values.items()
    )
