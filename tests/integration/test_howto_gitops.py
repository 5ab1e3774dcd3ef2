"""The how-tos for fleets and GitOps, at a real API server with the kinds of Flux, Argo CD, k3s."""

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from integration.pages import DOCS, blocks, follow
from lab import programs
from lab.command import Failed, run
from lab.controlplane import ControlPlane
from lab.packages import need
from specs import ROOT

SECRETS = Path("examples/gitops-flux/secrets")
FLUX = "how-to/gitops-flux.md"
LEFT = ("secret kaitu-ssh sops-age", "kaitunodes --all", "configmaps --all")


class Desk:
    """A copy of what we hand out, and the programs that the how-tos ask for."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        need("ssh-keygen", package="openssh-client")
        self.folder, found = folder, folder / "bin"
        found.mkdir()
        (found / "kubectl").symlink_to(programs.kubectl())
        for name in ("sops", "age-keygen"):
            (found / name).symlink_to(programs.program(name))
        for name in ("examples", "manifests"):
            shutil.copytree(ROOT / name, folder / name)
        self.env = {"KUBECONFIG": str(plane.kubeconfig), "PATH": f"{found}:{os.environ['PATH']}"}

    def follow(self, page: str) -> str:
        return follow(page, self.folder, {}, **self.env)

    def type(self, words: str) -> str:
        return run("bash", "-euo", "pipefail", "-c", words, cwd=self.folder, env=self.env)


@pytest.fixture
def desk(others: ControlPlane, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(others, tmp_path)
    yield made
    for namespace in ("kaitu", "flux-system"):
        for what in LEFT:
            made.type(f"kubectl -n {namespace} delete {what} --ignore-not-found --wait=false")


def test_a_fleet_is_described_and_grows_and_is_released_to(desk: Desk):
    out = desk.follow("how-to/fleet.md")

    assert len(re.findall(r"^\w+-\d .*(?:canary|rest)$", out, re.MULTILINE)) == 10
    found = json.loads(desk.type("kubectl -n kaitu get kn,cm -o json"))["items"]
    nodes = [one for one in found if one["kind"] == "KaituNode"]
    releases = {one["metadata"]["name"] for one in found} - {"kube-root-ca.crt"}
    canaries = [
        one["spec"]["compose"]["version"]
        for one in nodes
        if one["metadata"]["labels"]["fleet.kaitu.io/ring"] == "canary"
    ]
    assert (len(nodes), canaries) == (11, ["5.4.2", "5.4.2"])
    assert releases >= {f"compose-{version}" for version in ("5.4.0", "5.4.1", "5.4.2")}


def test_the_key_travels_encrypted_and_the_cluster_can_read_it(desk: Desk):
    assert "kaitu-rest" in desk.follow(FLUX)

    file = desk.folder / SECRETS / "ssh-key.yaml"
    written, private = yaml.safe_load(file.read_text()), (desk.folder / "kaitu-ssh").read_text()
    assert written["type"] == "kubernetes.io/ssh-auth"
    assert written["data"]["ssh-privatekey"].startswith("ENC[AES256_GCM")
    # As Flux does it: with nothing but the key from its Secret, decrypt and apply.
    (desk.folder / "age.agekey").unlink()
    given = _value(desk, "flux-system", "sops-age", "age.agekey")
    (desk.folder / "given").write_text(given)
    desk.type(
        f"SOPS_AGE_KEY_FILE=given sops decrypt {file} "
        "| kubectl -n kaitu apply --server-side --validate=strict -f -"
    )
    assert _value(desk, "kaitu", "kaitu-ssh", "ssh-privatekey") == private


def _value(desk: Desk, namespace: str, secret: str, key: str) -> str:
    found = json.loads(desk.type(f"kubectl -n {namespace} get secret {secret} -o json"))
    return base64.b64decode(found["data"][key]).decode()


def test_nobody_encrypts_for_the_placeholder(desk: Desk):
    """Whoever skips the first step is told so, and has no key of somebody else's in the file."""
    _, encrypt, *_ = blocks(DOCS / FLUX)

    with pytest.raises(Failed, match="recipient"):
        desk.type(encrypt)


def test_argo_cd_is_set_up(desk: Desk):
    out = desk.follow("how-to/gitops-argocd.md")

    assert re.search(r"^kaitu +", out, re.MULTILINE)
    assert "secret/kaitu-ssh created" in out


def test_k3s_takes_the_one_file(desk: Desk):
    assert re.search(r"^kaitu-operator +", desk.follow("how-to/k3s.md"), re.MULTILINE)
