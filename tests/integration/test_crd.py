"""The CRD at a real API server: taken without a warning, and of one mind with the operator."""

import json
import re
from typing import Any

import pytest
import yaml

from kaitu.api.bounds import fitted
from kaitu.api.crd import crds
from lab import programs
from lab.cluster import Cluster
from lab.command import attempt
from specs import Case, cases, full_status, good, kaitu_node, longest_status, objects


def refusal(cluster: Cluster, case: Case) -> str:
    """What the server alone says against a spec, or nothing: kubectl's checks are not asked."""
    where = f"/apis/fleet.kaitu.io/v1alpha1/namespaces/{cluster.namespace}/kaitunodes"
    code, out, err = attempt(
        str(programs.kubectl()),
        *("--kubeconfig", str(cluster.kubeconfig)),
        *("create", "--raw", f"{where}?dryRun=All&fieldValidation=Strict", "-f", "-"),
        input=json.dumps(kaitu_node("case", case.spec)),
    )
    if code == 0:
        assert json.loads(out)["kind"] == "KaituNode"
        return ""
    assert re.match(r"Error from server \((Invalid|BadRequest)\)|The KaituNode", err), err
    return err


def test_the_server_takes_the_crd_without_a_warning(cluster: Cluster) -> None:
    code, out, err = attempt(
        str(programs.kubectl()),
        *("--kubeconfig", str(cluster.kubeconfig)),
        *("replace", "--dry-run=server", "--validate=strict", "-f", "-"),
        input=crds(),
    )

    assert (code, err) == (0, "")
    assert "kaitunodes.fleet.kaitu.io replaced" in out


def test_the_schema_is_structural_and_the_names_are_taken(cluster: Cluster) -> None:
    found = cluster.get("crd", "kaitunodes.fleet.kaitu.io")

    status = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert status == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("case", cases("accepted"), ids=str)
def test_the_server_accepts_what_the_operator_accepts(cluster: Cluster, case: Case) -> None:
    assert refusal(cluster, case) == ""


@pytest.mark.parametrize("case", cases("refused"), ids=str)
def test_the_server_refuses_what_the_operator_refuses(cluster: Cluster, case: Case) -> None:
    said = refusal(cluster, case)

    assert bool(said) == case.server
    assert case.server_says in said


def test_the_samples_are_taken(namespace: Cluster) -> None:
    for name in ("minimal", "full"):
        namespace.apply(*objects(name))

    assert namespace.get("kaitunode", "vps-1")["spec"]["connection"]["user"] == "ubuntu"


def test_the_server_fills_in_nothing_but_the_generation(namespace: Cluster) -> None:
    spec = {"connection": good()["connection"], "compose": {"version": "5.4.0"}, "health": {}}

    namespace.apply(kaitu_node("bare", spec))

    found = namespace.get("kaitunode", "bare")
    assert found["spec"] == spec
    assert found["status"] == {"observedGeneration": -1}


def test_status_is_a_subresource(namespace: Cluster) -> None:
    body = kaitu_node("one", good()) | {"status": {"architecture": "k2v5"}}

    namespace.apply(body)

    assert "architecture" not in namespace.get("kaitunode", "one")["status"]


def test_the_table_that_kubectl_shows(namespace: Cluster) -> None:
    namespace.apply(kaitu_node("vps-1", good()))
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "",
        "lastTransitionTime": "2025-01-01T00:00:00Z",
    }
    status = {"conditions": [ready], "compose": {"version": "5.4.0"}, "architecture": "k2v5"}
    namespace.kubectl(
        *("patch", "kn", "vps-1", "--subresource=status", "--type=merge"),
        *("-p", json.dumps({"status": status})),
    )

    plain = namespace.kubectl("get", "kaitu").splitlines()
    wide = namespace.kubectl("get", "kn", "-o", "wide").splitlines()

    columns = ["NAME", "READY", "VERSION", "HEALTHY", "IN SYNC", "LAST VISIT", "AGE"]
    assert re.split(r"\s{2,}", plain[0].strip()) == columns
    assert max(map(len, plain)) <= 100
    assert re.split(r"\s{2,}", wide[0].strip()) == [*columns, "HOST", "ARCH", "REASON"]
    assert wide[1].split()[:3] == ["vps-1", "True", "5.4.0"]
    assert wide[1].split()[-3:] == ["203.0.113.7", "k2v5", "Ready"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("", "One node of the fleet"),
        (".spec.compose", "The compose file and .env are one deployment"),
        (
            ".spec.compose.update.gate",
            "What must be healthy first. Services behind a gate",
        ),
        (".spec.connection.hostKeys", "The keys that the node may answer with"),
        (".spec.env.vars.valueFrom", "Take the value from a Secret instead"),
        (".status.conditions", "Ready is True only while the last visit is fresh"),
    ],
)
def test_explain_reads_well(cluster: Cluster, field: str, text: str) -> None:
    said = " ".join(cluster.kubectl("explain", f"kaitunode{field}").split())

    assert text in said


def test_the_committed_file_is_what_is_installed(cluster: Cluster) -> None:
    found = cluster.get("crd", "kaitunodes.fleet.kaitu.io")
    wanted = yaml.safe_load(crds())["spec"]["versions"][0]

    assert found["spec"]["versions"][0]["schema"] == wanted["schema"]


@pytest.mark.parametrize("status", [full_status(), fitted(longest_status())], ids=["full", "cut"])
def test_the_server_keeps_every_field_of_a_status(
    namespace: Cluster, status: dict[str, Any]
) -> None:
    namespace.apply(kaitu_node("one", good()))

    patch = json.dumps({"status": status})
    namespace.kubectl("patch", "kn", "one", "--subresource=status", "--type=merge", "-p", patch)

    assert namespace.get("kaitunode", "one")["status"] == status
