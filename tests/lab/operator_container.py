"""The operator in a container with less than any cluster takes from it: no rights, no shell."""

from pathlib import Path

from lab import ports
from lab.command import Child
from lab.controlplane import ControlPlane
from lab.docker import Docker
from lab.operator import ACCOUNT, BASE, RIGHTS, Operator
from lab.wait import until

RESTRICTED = (
    "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=65532:65532",
)  # fmt: skip
# Debian's, hidden behind a file that cannot be executed.
NO_SHELL = tuple(f"--volume=/dev/null:/usr/bin/{shell}:ro" for shell in ("dash", "bash"))


def start(
    docker: Docker,
    plane: ControlPlane,
    image: str,
    log: Path,
    *arguments: str,
    patience: float = 60,
) -> Operator:
    """As ``Operator.start``, from this image; SIGTERM reaches it through the docker command."""
    plane.kubectl("apply", *(f"--filename={BASE / name}" for name in RIGHTS))
    kubeconfig = plane.kubeconfig_for(ACCOUNT)
    kubeconfig.chmod(0o644)  # in a folder that only we may enter; its certificate goes to /tmp
    port = ports.free(1)[0]
    child = Child.start(
        "docker", "-H", docker.host, "run", "--rm", *docker.named(f"operator-{port}"),
        "--network=host", "--tmpfs=/tmp", *RESTRICTED, *NO_SHELL,
        f"--volume={kubeconfig}:/kubeconfig:ro", "--env=KUBECONFIG=/kubeconfig", image,
        "--lease-namespace=kaitu-system", f"--http=127.0.0.1:{port}", *arguments, log=log,
    )  # fmt: skip
    operator = Operator(child, f"127.0.0.1:{port}")
    until(operator.alive, patience, "living operator in a container")
    return operator
