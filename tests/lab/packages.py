"""Debian packages that the lab needs on the machine itself, installed when they are missing."""

import os
import shutil
import tempfile
from pathlib import Path

from lab.cache import locked, root, shared
from lab.command import attempt, run
from lab.steps import LabError, step

APT = {"DEBIAN_FRONTEND": "noninteractive"}


def need(*programs: str, package: str, otherwise: str = "") -> None:
    """Have these programs, from Debian's packages where they are missing and we are root."""
    if _there(programs):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        wanted = " and ".join(programs)
        raise LabError(f"{wanted} is missing: install {package}{otherwise}, or run as root")
    with locked(shared() / "apt.lock"):
        if not _there(programs):
            _install(package.split())


def _there(programs: tuple[str, ...]) -> bool:
    return all(shutil.which(program) for program in programs)


def _install(packages: list[str]) -> None:
    with step(f"installing {' and '.join(packages)} from Debian", "30 s"):
        run("apt-get", "update", env=APT, timeout=600)
        argv = ("apt-get", "install", "-qy", "--no-install-recommends", *packages)
        run(*argv, env=APT, timeout=1800)


def unpacked(package: str) -> Path:
    """A Debian package unpacked into the cache: its programs, without a service that starts."""
    folder = root() / "debian" / package
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            need("apt-get", package="apt")
            need("dpkg-deb", package="dpkg")
            _unpack(package, folder)
    return folder


def _unpack(package: str, folder: Path) -> None:
    with step(f"fetching {package} from Debian", "10 s"), tempfile.TemporaryDirectory() as place:
        download = ("apt-get", "download", "-qq", package)
        if attempt(*download, cwd=Path(place), timeout=600)[0]:
            run("apt-get", "update", env=APT, timeout=600)
            run(*download, cwd=Path(place), timeout=600)
        part = folder.with_suffix(".part")
        run("dpkg-deb", "-x", *map(str, Path(place).glob("*.deb")), str(part))
        part.rename(folder)
