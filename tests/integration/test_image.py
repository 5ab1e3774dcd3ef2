"""The operator's image: what is in it, what it needs, and that it does its work."""

import gzip
import json
import re
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import fleet, operator_container, operator_image
from lab.cluster import CRDS, Cluster
from lab.command import run
from lab.docker import Docker
from lab.node import Node
from lab.operator import ROOT, Operator
from lab.operator_container import NO_SHELL, RESTRICTED
from lab.run import Lab
from lab.wait import until

MB = 1_000_000
OCI = "org.opencontainers.image"
PYTHON = "/opt/kaitu/bin/python3"
SYSCTL = {"settings": [{"name": "net.ipv4.tcp_congestion_control", "value": "bbr"}]}
ABSENT = ("gcc", "cc", "clang", "make", "git", "curl", "wget", "pip", "pip3")
WHICH = f"import shutil; print([p for p in {ABSENT} if shutil.which(p)])"
SBOM = "print(open('/opt/kaitu/sbom.cdx.json').read())"
EVERY_MODULE = """
import importlib, pkgutil, kaitu
for module in pkgutil.walk_packages(kaitu.__path__, "kaitu."):
    importlib.import_module(module.name)
    print(module.name)
"""


@pytest.fixture(scope="module")
def docker(lab: Lab) -> Docker:
    return lab.docker


@pytest.fixture(scope="module")
def image(docker: Docker) -> str:
    return operator_image.operator_image(docker)


def inside(docker: Docker, image: str, program: str, *arguments: str, options=()) -> str:
    """What a program in the image prints, with no network and no rights."""
    name = (*RESTRICTED, *options, "--rm", "--network=none", f"--entrypoint={program}")
    return docker.run("run", *name, image, *arguments)


def inspected(docker: Docker, image: str, place: str):
    return json.loads(docker.run("image", "inspect", "-f", f"{{{{json {place}}}}}", image))


def test_it_says_what_it_is(docker: Docker, image: str) -> None:
    config = inspected(docker, image, ".Config")
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/opt/kaitu/bin/kaitu-operator", "run"]
    assert config["Labels"].keys() >= {f"{OCI}.{of}" for of in ("version", "revision", "source")}


def test_it_has_no_tools(docker: Docker, image: str) -> None:
    assert inside(docker, image, PYTHON, "-c", WHICH) == "[]\n"


def test_shells_are_hidden_where_the_tests_say_so(docker: Docker, image: str) -> None:
    """The control of all tests with NO_SHELL: the base has one."""
    assert inside(docker, image, "/bin/sh", "-c", "echo there") == "there\n"
    argv = ("run", "--rm", *NO_SHELL, "--entrypoint=/bin/sh", image, "-c", "echo there")
    code, _, err = docker.attempt(*argv)
    assert code
    assert "permission denied" in err


def test_both_programs_run_without_a_shell(docker: Docker, image: str) -> None:
    found = inside(docker, image, "kaitu-operator", "crds", options=NO_SHELL)
    assert found.strip() == "".join(f.read_text() for f in sorted(CRDS.glob("*"))).strip()
    for program in ("kaituctl", "kubectl-kaitu"):
        assert "plan" in inside(docker, image, program, "--help", options=NO_SHELL)


def test_every_module_of_ours_finds_what_it_imports(docker: Docker, image: str) -> None:
    """Nothing that was removed is missed."""
    found = inside(docker, image, PYTHON, "-W", "ignore", "-c", EVERY_MODULE, options=NO_SHELL)
    sources = (ROOT / "operator/kaitu").rglob("*.py")
    assert len(found.split()) == len(list(sources)) - 1  # kaitu itself


def test_it_is_small(docker: Docker, image: str, tmp_path: Path) -> None:
    assert inspected(docker, image, ".Size") <= 240 * MB
    docker.run("save", "-o", str(tmp_path / "image.tar"), image)
    with tarfile.open(tmp_path / "image.tar") as tar:
        layers = json.load(tar.extractfile("manifest.json"))[0]["Layers"]  # type: ignore[arg-type]
        packed = [gzip.compress(tar.extractfile(name).read(), 6) for name in layers]  # type: ignore[union-attr]
    assert sum(map(len, packed)) <= 80 * MB


def version() -> str:
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found


def listed(document: str, kind: str) -> set[tuple[str, str]]:
    components = json.loads(document)["components"]
    of_kind = (one for one in components if one["purl"].startswith(f"pkg:{kind}/"))
    return {(one["name"], one["version"]) for one in of_kind}


def test_the_bill_of_materials_is_what_is_installed(docker: Docker, image: str) -> None:
    document = inside(docker, image, PYTHON, "-c", SBOM)
    lock = (ROOT / "requirements/runtime.txt").read_text()
    locked = set(re.findall(r"^(\S+)==(\S+)", lock, re.M))
    assert listed(document, "pypi") == locked | {("kaitu-operator", version())}

    fields = "${Package} ${Version}\n"
    debian = inside(docker, image, "dpkg-query", "--show", f"--showformat={fields}")
    assert listed(document, "deb") == {tuple(line.split()) for line in debian.splitlines()}
    assert "openssl" in {name for name, _ in listed(document, "generic")}


@pytest.fixture
def again(docker: Docker, image: str, tmp_path: Path) -> Iterator[str]:
    """A second image: made by `make image`, with BuildKit, and nothing kept of the first."""
    reference, arguments = f"{image}-again", operator_image.build_arguments(docker)
    words = {name: arguments.pop(name) for name in ("BASE", "BUILD_BASE")} | {"IMAGE": reference}
    others = (f"--build-arg={name}={value}" for name, value in arguments.items())
    words["BUILD_ARGS"] = " ".join(("--no-cache", "--network=host", *others))
    env = {**operator_image.buildkit(tmp_path), "DOCKER_HOST": docker.host}
    made = (f"{name}={value}" for name, value in words.items())
    run("make", "-C", str(ROOT), "image", *made, env=env, timeout=1800)
    yield reference
    docker.run("rmi", reference)


def test_the_same_sources_give_the_same_layers(docker: Docker, image: str, again: str) -> None:
    """Whoever builds them, with BuildKit or without."""
    layers = inspected(docker, again, ".RootFS.Layers")
    assert len(layers) == 4  # the base, packages, our own, the bill of materials
    assert layers == inspected(docker, image, ".RootFS.Layers")

    labels = inspected(docker, again, ".Config.Labels")
    revision = run("git", "-C", str(ROOT), "rev-parse", "HEAD").strip()
    assert labels[f"{OCI}.version"] == version()
    assert labels[f"{OCI}.revision"].startswith(revision)


@pytest.fixture
def operator(lab: Lab, docker: Docker, image: str, cluster: Cluster) -> Iterator[Operator]:
    log, where = lab.state / "operator-image.log", ("--namespace", cluster.namespace)
    started = operator_container.start(docker, lab.control_plane, image, log, *where)
    yield started
    started.stop()


def test_it_leads_and_mends_a_node(operator: Operator, cluster: Cluster, node: Node) -> None:
    until(operator.leads, 60, "leading operator")
    wanted = fleet.kaitu_node("vps", node, sysctl=SYSCTL)
    cluster.apply(fleet.key_secret(node.keys.private), wanted)
    fleet.wait_ready(cluster, "vps")
    assert "bbr" in node.read("/etc/sysctl.d/99-z-kaitu.conf")
    assert operator.stop() == 0
