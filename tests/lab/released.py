"""Programs of other projects, each built from its own Go module at one release.

The version fixes everything: a module's own go.mod pins what it is made of, and Go's checksum
database vouches for the sources.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab import cache
from lab.command import run
from lab.steps import LabError, step


@dataclass(frozen=True)
class Release:
    module: str
    version: str
    packages: tuple[str, ...]
    about: str
    tags: str = ""
    stamp: str = ""


CONTAINERD = "github.com/containerd/containerd/v2"
RELEASES = {
    "kind": Release("sigs.k8s.io/kind", "v0.33.0", ("",), "30 s"),
    "containerd": Release(
        CONTAINERD, "v2.3.7", ("/cmd/containerd", "/cmd/ctr", "/cmd/containerd-shim-runc-v2"),
        "2 min", "no_btrfs no_devmapper no_zfs", f"{CONTAINERD}/version.Version",
    ),
    "coredns": Release("github.com/coredns/coredns", "v1.14.2", ("",), "2 min"),
    "cni-plugins": Release(
        "github.com/containernetworking/plugins", "v1.9.1",
        tuple(f"/plugins/{one}" for one in (
            "main/bridge", "main/loopback", "ipam/host-local", "meta/portmap",
        )), "20 s",
    ),
}  # fmt: skip


def programs(name: str) -> Path:
    """A folder with the programs of a release, made once."""
    release = RELEASES[name]
    folder = cache.root() / "released" / f"{name}-{release.version}"
    with cache.locked(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            _build(name, release, folder)
    return folder


def source(name: str) -> Path:
    """The files of a release's module."""
    _need_go(name)
    wanted = f"{RELEASES[name].module}@{RELEASES[name].version}"
    told = run("go", "mod", "download", "-json", wanted, cwd=cache.root(), timeout=600)
    return Path(json.loads(told)["Dir"])


def _build(name: str, release: Release, folder: Path) -> None:
    _need_go(name)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    stamp = f" -X {release.stamp}={release.version}" if release.stamp else ""
    with step(f"building {name} {release.version} from source", release.about):
        run(
            "go", "install", "-trimpath", "-ldflags", f"-s -w{stamp}", "-tags", release.tags,
            *(f"{release.module}{package}@{release.version}" for package in release.packages),
            cwd=cache.root(), env={"CGO_ENABLED": "0", "GOBIN": str(part)}, timeout=3600,
        )  # fmt: skip
    part.rename(folder)


def _need_go(name: str) -> None:
    if not shutil.which("go"):
        raise LabError(f"no {name}: install Go >= 1.26 so that it can be built from source")
