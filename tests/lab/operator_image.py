"""The operator's image as the Dockerfile makes it, on a base of the lab's own.

Built once per contents of its sources. The base is Debian's Python: nothing is pulled.
"""

import sys
from dataclasses import replace
from pathlib import Path

from lab import cache, images
from lab.command import run
from lab.docker import Docker
from lab.images import Image
from lab.steps import step

ROOT = Path(__file__).parents[2]
SOURCES = (
    "Dockerfile", ".dockerignore", "README.md", "pyproject.toml", "image", "operator",
    "requirements/build.txt", "requirements/runtime.txt",
)  # fmt: skip
NAME = "kaitu-lab/operator"
BASE = Image(name="operator-base", about="30 s", packages=("python3",))
BUILD_BASE = Image(
    name="operator-build", about="40 s", packages=("python3", "python3-pip", "ca-certificates")
)
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PIP = ("index-url", "extra-index-url", "trusted-host")


def operator_image(docker: Docker) -> str:
    """Reference of the operator's image in this daemon, made from this working tree."""
    reference = f"{NAME}:{cache.digest(BASE.reference, _build_base().reference, *_contents())}"
    with cache.locked(cache.shared() / "operator-image.lock"):
        if not docker.has_image(reference):
            build(docker, reference)
    return reference


def build(docker: Docker, reference: str, *arguments: str) -> None:
    """Build it now; the network is the machine's own, as the private daemon has no other."""
    bases = {"BASE": BASE, "BUILD_BASE": _build_base()}
    args = {name: images.have(docker, image) for name, image in bases.items()}
    args |= {"VERSION": reference.rpartition(":")[2], **_pip()}
    with step("building the operator's image", "2 min"):
        docker.run(
            "build", "--network", "host", "--tag", reference, *arguments,
            *(f"--build-arg={name}={value}" for name, value in args.items()), str(ROOT),
            timeout=1800,
        )  # fmt: skip


def _contents() -> list[str | bytes]:
    """Names and contents of all that the build reads."""
    found = [file for name in SOURCES for file in (ROOT / name, *(ROOT / name).rglob("*"))]
    files = sorted(f for f in found if f.is_file() and "__pycache__" not in f.parts)
    return [part for file in files for part in (str(file.relative_to(ROOT)), file.read_bytes())]


def _configured() -> dict[str, str]:
    """How this machine's pip reaches its packages; what is in the environment goes first."""
    lines = run(sys.executable, "-m", "pip", "config", "list").splitlines()
    pairs = (line.partition("=") for line in sorted(lines, reverse=True))
    return {key.rpartition(".")[2]: value.strip("'\"") for key, _, value in pairs}


def _pip() -> dict[str, str]:
    """Its settings as build arguments."""
    found = _configured()
    args = {f"PIP_{key.replace('-', '_').upper()}": found[key] for key in PIP if key in found}
    return args | ({"PIP_CERT": CERTIFICATES} if "cert" in found else {})


def _build_base() -> Image:
    """With the certificates that this machine's pip trusts, where it names some."""
    bundle = _configured().get("cert")
    if not bundle:
        return BUILD_BASE
    hook = f"cat '{bundle}' >\"$1{CERTIFICATES}\""
    return replace(BUILD_BASE, files=(Path(bundle),), hooks=(hook,))
