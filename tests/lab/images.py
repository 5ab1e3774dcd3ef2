"""The images of the lab's own machines, made from Debian's packages alone.

Kept as tar files by the digest of all that goes in: a new Docker daemon imports them in seconds.
"""

import hashlib
import json
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import cache
from lab.command import attempt, run
from lab.docker import Docker
from lab.packages import need
from lab.steps import LabError, step

SUITE = "trixie"  # the first Debian release with compose v2
INSIDE = Path(__file__).parent / "inside"
UNREAD = tuple(
    f"path-exclude=/usr/share/{folder}/*" for folder in ("man", "doc", "info", "locale")
)


@dataclass(frozen=True)
class Image:
    """A root file system: Debian packages, then changes made with the new root as $1.

    `fill` puts what is not in a package into a folder, which the changes know as $STAGE.
    """

    name: str
    about: str
    packages: tuple[str, ...]
    hooks: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    config: tuple[str, ...] = ()
    suite: str = SUITE
    fill: Callable[[Path], None] | None = None
    architecture: str = ""  # Debian's and Docker's word for it; empty: this machine's

    @property
    def key(self) -> str:
        contents = [file.read_bytes() for file in self.files]
        other = (self.architecture,) if self.architecture else ()
        return cache.digest(self.suite, *self.packages, *self.hooks, *UNREAD, *contents, *other)

    @property
    def reference(self) -> str:
        return f"kaitu-lab/{self.name}:{cache.digest(self.key, *self.config)}"


NODE = Image(
    name="node",
    about="1 min",
    packages=(
        "systemd", "systemd-sysv", "dbus", "openssh-server", "cron", "sudo", "iproute2", "procps",
        "iptables", "nftables", "ca-certificates", "curl", "iputils-ping", "kmod", "docker.io",
        "docker-cli", "docker-compose",
    ),
    files=(INSIDE / "setup.sh", INSIDE / "init.sh"),
    hooks=(
        "copy-in setup.sh init.sh /sbin",
        'chroot "$1" sh /sbin/setup.sh',
    ),
    config=("ENV container=docker LANG=C.UTF-8", 'ENTRYPOINT ["sh", "/sbin/init.sh"]'),
)  # fmt: skip

REGISTRY = Image(
    name="registry",
    about="30 s",
    packages=("docker-registry", "python3-minimal", "libpython3-stdlib", "busybox-static"),
)


def have(docker: Docker, image: Image) -> str:
    """Reference of an image that is in the daemon now."""
    with cache.locked(cache.shared() / f"{image.name}.lock"):
        tar = root_file_system(image)
        if not docker.has_image(image.reference):
            with step(f"importing the {image.name} image", "10 s"):
                (_load if image.architecture else _import)(docker, image, tar)
            _forget_others(docker, image)
    return image.reference


def _import(docker: Docker, image: Image, tar: Path) -> None:
    changes = [arg for change in image.config for arg in ("-c", change)]
    docker.run("import", *changes, str(tar), image.reference, timeout=600)


def _load(docker: Docker, image: Image, layer: Path) -> None:
    """Docker 20's `import` calls every image one of this machine's architecture."""
    with layer.open("rb") as file:
        layers = [f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"]
    parts = {
        "config.json": {
            "architecture": image.architecture,
            "os": "linux",
            "created": "2025-01-01T00:00:00Z",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": layers},
            "history": [{"created_by": "mmdebstrap"}],
        },
        "manifest.json": [
            {"Config": "config.json", "RepoTags": [image.reference], "Layers": ["layer.tar"]}
        ],
    }
    with tempfile.TemporaryDirectory(dir=layer.parent) as folder:
        whole = Path(folder) / "image"
        with tarfile.open(whole, "w") as tar:
            for name, value in parts.items():
                (Path(folder) / name).write_text(json.dumps(value))
                tar.add(Path(folder) / name, name)
            tar.add(layer, "layer.tar")
        docker.run("load", "-i", str(whole), timeout=600)


def _forget_others(docker: Docker, image: Image) -> None:
    """Outdated ones; Docker itself refuses to forget one that another run uses."""
    name, _, current = image.reference.partition(":")
    for tag in docker.run("images", "--format", "{{.Tag}}", name).split():
        if tag != current:
            docker.attempt("rmi", f"{name}:{tag}")


def kept(image: Image) -> Path:
    """Where its root file system is, once it has been built."""
    return cache.root() / "images" / f"{image.name}-{image.key}.tar"


def root_file_system(image: Image) -> Path:
    tar = kept(image)
    if not tar.exists():
        need("mmdebstrap", package="mmdebstrap debian-archive-keyring")
        with tempfile.TemporaryDirectory() as stage:
            if image.fill:
                image.fill(Path(stage))
            with step(f"building the {image.name} image from Debian packages", image.about):
                _bootstrap(image, tar, stage)
    return tar


def _bootstrap(image: Image, tar: Path, stage: str) -> None:
    tar.parent.mkdir(parents=True, exist_ok=True)
    part = tar.with_suffix(".part")
    seen = {"STAGE": stage, "PYTHON": sys.executable, "PYTHONPATH": str(INSIDE.parents[1])}
    run(
        "mmdebstrap", "--quiet", "--format=tar", "--variant=apt",
        '--aptopt=Apt::Install-Recommends "false"',
        *(f"--dpkgopt={line}" for line in UNREAD),
        *(f"--customize-hook={hook}" for hook in image.hooks),
        *((f"--architectures={image.architecture}",) if image.architecture else ()),
        f"--include={','.join(image.packages)}",
        image.suite, str(part), *_mirror(), cwd=INSIDE, env=seen, timeout=3600,
    )  # fmt: skip
    for outdated in tar.parent.glob(f"{image.name}-{'?' * len(image.key)}.tar"):
        outdated.unlink()
    part.rename(tar)


def _mirror() -> list[str]:
    """Where this machine gets its Debian packages from; on other systems mmdebstrap knows one."""
    if not shutil.which("apt-get") or "ID=debian" not in Path("/etc/os-release").read_text():
        return []
    found = attempt(
        "apt-get", "indextargets", "--format", "$(REPO_URI)",
        "Created-By: Packages", "Component: main", "Label: Debian",
    )  # fmt: skip
    return found[1].splitlines()[:1]


def busybox() -> bytes:
    """A static one for the images of the nodes' services, from Debian's package."""
    return program(REGISTRY, "/bin/busybox")


def program(image: Image, path: str) -> bytes:
    """A file of a root file system whose path ends so."""
    with tarfile.open(root_file_system(image)) as tar:
        for member in tar:  # in order of the file: an index of all would take longer
            file = tar.extractfile(member) if member.name.endswith(path) else None
            if file:
                return file.read()
    raise LabError(f"no {path} in the {image.name} image")
