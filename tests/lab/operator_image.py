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
BUILDX = Image(name="buildx", about="30 s", packages=("docker-buildx",))
PLUGIN = "cli-plugins/docker-buildx"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PIP = ("index-url", "extra-index-url", "trusted-host")


def operator_image(docker: Docker, architecture: str = "") -> str:
    """Reference of the operator's image in this daemon, made from this working tree."""
    bases = (image.reference for image in _bases(architecture).values())
    reference = f"{NAME}:{cache.digest(*bases, *_contents())}"
    with cache.locked(cache.shared() / f"operator-image{architecture}.lock"):
        if not docker.has_image(reference):
            build(docker, reference, architecture=architecture)
    return reference


def build(docker: Docker, reference: str, architecture: str = "") -> None:
    """Without BuildKit, which not every Docker has; a private one has only the host network."""
    args = {"VERSION": reference.rpartition(":")[2], **build_arguments(docker, architecture)}
    platform = (f"--platform=linux/{architecture}",) if architecture else ()
    with step("building the operator's image", "10 min" if architecture else "2 min"):
        run(
            "docker", "-H", docker.host, "build", "--network=host", f"--tag={reference}",
            *platform, *(f"--build-arg={name}={value}" for name, value in args.items()), str(ROOT),
            env={"DOCKER_BUILDKIT": "0"}, timeout=7200,
        )  # fmt: skip


def build_arguments(docker: Docker, architecture: str = "") -> dict[str, str]:
    """The bases, which are in the daemon then, and where packages come from."""
    bases = _bases(architecture).items()
    return {**{name: images.have(docker, image) for name, image in bases}, **_pip()}


def buildkit(folder: Path) -> dict[str, str]:
    """The environment in which `docker build` uses BuildKit, with a client kept in this folder."""
    plugin = folder / PLUGIN
    plugin.parent.mkdir(parents=True)
    plugin.write_bytes(images.program(BUILDX, PLUGIN))
    plugin.chmod(0o755)
    return {"DOCKER_CONFIG": str(folder), "DOCKER_BUILDKIT": "1"}


def _contents() -> list[str | bytes]:
    """Names and contents of all that the build reads."""
    found = [file for name in SOURCES for file in (ROOT / name, *(ROOT / name).rglob("*"))]
    files = sorted(f for f in found if f.is_file() and "__pycache__" not in f.parts)
    return [part for file in files for part in (str(file.relative_to(ROOT)), file.read_bytes())]


def _bases(architecture: str) -> dict[str, Image]:
    bases = {"BASE": BASE, "BUILD_BASE": _build_base()}
    if not architecture:
        return bases
    return {
        key: replace(image, name=f"{image.name}-{architecture}", architecture=architecture)
        for key, image in bases.items()
    }


def _build_base() -> Image:
    """With the certificates that this machine's pip trusts, where it names some."""
    bundle = _configured().get("cert")
    if not bundle:
        return BUILD_BASE
    hook = f"cat '{bundle}' >\"$1{CERTIFICATES}\""
    return replace(BUILD_BASE, files=(Path(bundle),), hooks=(hook,))


def _pip() -> dict[str, str]:
    """How this machine's pip reaches its packages, as build arguments."""
    found = _configured()
    args = {f"PIP_{key.replace('-', '_').upper()}": found[key] for key in PIP if key in found}
    return args | ({"PIP_CERT": CERTIFICATES} if "cert" in found else {})


def _configured() -> dict[str, str]:
    """Settings of pip by name; what is in the environment goes before what is in files."""
    lines = run(sys.executable, "-m", "pip", "config", "list").splitlines()
    pairs = (line.partition("=") for line in sorted(lines, reverse=True))
    return {key.rpartition(".")[2]: value.strip("'\"") for key, _, value in pairs}
