"""The images of a cluster's own pods, as one archive: each is one static program and its name.

Usage: python -m lab.podimages ROOT PROGRAMS. ROOT is the node's root file system, which gets the
archive; PROGRAMS a folder of programs.
"""

import hashlib
import io
import json
import platform
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ARCHIVE = "kind/images.tar"  # in the root file system
ENTRYPOINTS = {"coredns": ["coredns"], "pause": ["pause"]}  # of the others, manifests name it
# kube-proxy runs nft, which needs its libraries.
NFT = 'tar -chf - /usr/sbin/nft $(ldd /usr/sbin/nft | grep -o "/[^ ]*")'


@dataclass(frozen=True)
class PodImage:
    reference: str
    layers: tuple[bytes, ...]
    entrypoint: list[str]

    @property
    def config(self) -> bytes:
        machine = platform.machine()
        return json.dumps({
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
            "os": "linux",
            "config": {
                "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin"],
                "Entrypoint": self.entrypoint,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_sum(x)}" for x in self.layers]},
        }).encode()  # fmt: skip


def images(references: list[str], root: Path, programs: Path) -> Iterator[PodImage]:
    """One for each reference; the program has the name of the repository."""
    for reference in references:
        name = reference.rpartition("/")[2].partition(":")[0]
        layer = _layer(f"usr/local/bin/{name}", (programs / name).read_bytes())
        more = (_nft(root),) if name == "kube-proxy" else ()
        yield PodImage(reference, (layer, *more), ENTRYPOINTS.get(name, []))


def write(target: Path, found: Iterator[PodImage]) -> None:
    """In the form of `docker save`, which containerd imports."""
    manifest = []
    with tarfile.open(target, "w") as tar:
        for image in found:
            names = [_add(tar, f"{_sum(layer)}.tar", layer) for layer in image.layers]
            config = _add(tar, f"{_sum(image.config)}.json", image.config)
            manifest += [{"Config": config, "RepoTags": [image.reference], "Layers": names}]
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def _nft(root: Path) -> bytes:
    argv = ("chroot", str(root), "sh", "-c", NFT)
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout


def _layer(name: str, data: bytes) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        _add(tar, name, data, mode=0o755)
    return raw.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> str:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))
    return name


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    root, programs = map(Path, sys.argv[1:])
    references = (programs / "references").read_text().split()
    write(root / ARCHIVE, images(references, root, programs))
