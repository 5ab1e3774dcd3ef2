"""The images of the lab's own machines, made from Debian's packages alone.

Kept as tar files by the digest of all that goes in: a new Docker daemon imports them in seconds.
"""

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

    @property
    def key(self) -> str:
        contents = [file.read_bytes() for file in self.files]
        return cache.digest(self.suite, *self.packages, *self.hooks, *UNREAD, *contents)

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
            changes = [arg for change in image.config for arg in ("-c", change)]
            with step(f"importing the {image.name} image", "10 s"):
                docker.run("import", *changes, str(tar), image.reference, timeout=600)
            _forget_others(docker, image)
    return image.reference


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
        f"--include={','.join(image.packages)}",
        image.suite, str(part), *_mirror(), cwd=INSIDE, env=seen, timeout=3600,
    )  # fmt: skip
    for outdated in tar.parent.glob(f"{image.name}-*.tar"):
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
    with tarfile.open(root_file_system(REGISTRY)) as tar:
        for member in tar:  # in order of the file: an index of all would take longer
            file = tar.extractfile(member) if member.name.endswith("/bin/busybox") else None
            if file:
                return file.read()
    raise LabError("no busybox in the registry's image")
