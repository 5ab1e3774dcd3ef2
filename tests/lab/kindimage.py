"""kind's node image, made where no container registry can be reached.

Kubernetes, containerd, CoreDNS and the CNI plugins are built from Go modules, the root file system
is Debian's, and the images of the cluster's own pods hold one program each.
"""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from lab import programs, released
from lab.command import run
from lab.images import Image, kept
from lab.steps import say

HERE = Path(__file__).parent / "kind"
REPOSITORY = "localhost/kube"  # of the pod images; never pulled from
ON_NODE = ("kubelet", "kubeadm", "kubectl")
IN_PODS = (
    "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd",
)  # fmt: skip


def fill(stage: Path) -> None:
    """All that is not Debian's: ``root`` is laid over the root file system, ``pods`` is not."""
    root, pods = stage / "root", stage / "pods"
    _copy_tree(released.source("kind") / "images" / "base" / "files", root)
    _copy(root / "usr/bin", map(programs.program, ON_NODE))
    _copy(root / "usr/local/bin", released.programs("containerd").iterdir())
    _copy(root / "opt/cni/bin", released.programs("cni-plugins").iterdir())
    _copy(root / "etc/cni/net.d", [HERE / "bridge.conflist"])
    _copy(root / "kind/bin", [HERE / "pre-init", HERE / "setup.sh"])
    (root / "kind/version").write_text(programs.release())
    _copy(pods, map(programs.program, IN_PODS))
    _copy(pods, released.programs("coredns").iterdir())
    run("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(pods / "pause"),
        str(HERE / "pause.go"), env={"CGO_ENABLED": "0"}, timeout=600)  # fmt: skip
    references = _references()
    (pods / "references").write_text("\n".join(references))
    (pods / "sandbox").write_text(next(one for one in references if "/pause:" in one))


def _references() -> list[str]:
    """What kubeadm will ask for, with its versions."""
    return run(
        str(programs.program("kubeadm")), "config", "images", "list",
        "--kubernetes-version", programs.release(), "--image-repository", REPOSITORY,
    ).split()  # fmt: skip


def _copy_tree(source: Path, target: Path) -> None:
    """Writable, and what is a program can be run: in a module nothing is either."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)


def _copy(folder: Path, files: Iterable[Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
        (folder / file.name).chmod(0o755)


IMAGE = Image(
    name="kind",
    about="1 min",
    suite="bookworm",  # systemd 252: the last one that also runs on cgroup v1
    packages=(
        "systemd", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "kmod", "jq",
        "procps", "ca-certificates", "curl", "runc", "iputils-ping",
    ),
    files=(
        *(HERE / name for name in ("setup.sh", "pre-init", "bridge.conflist", "pause.go")),
        *(programs.HERE / name for name in ("kindimage.py", "podimages.py", "released.py")),
        programs.HERE / "controlplane" / "go.sum",
    ),
    hooks=(
        'cp -rT "$STAGE/root" "$1"',
        '"$PYTHON" -m lab.podimages "$1" "$STAGE/pods"',
        'chroot "$1" sh /kind/bin/setup.sh "$(cat "$STAGE/pods/sandbox")"',
    ),
    config=(
        "ENV container=docker",
        'ENTRYPOINT ["/kind/bin/pre-init", "/usr/local/bin/entrypoint", "/sbin/init"]',
    ),
    fill=fill,
)  # fmt: skip


def cached() -> bool:
    """Whether `make e2e` need not build it first."""
    return kept(IMAGE).exists()


if __name__ == "__main__":
    if not cached():
        say("no node image of kind in the cache: `make e2e` builds it, in half an hour")
        sys.exit(1)
