"""The chart on a real API server: valid, admitted, upgraded, rolled back and taken away."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from integration.pages import follow
from integration.releases import OWNERSHIP, Release, released, restricted
from lab import fleet, programs
from lab.chart import CHART, NAME, Values, helm, refusal, rendered
from lab.cluster import Cluster
from lab.command import Failed, attempt
from lab.openapi import LOCATION, write_schemas
from lab.wait import until

CI = sorted(CHART.glob("ci/*.yaml"))
GRAFTED = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
"""What a controller, which the lab has none of, makes in every namespace."""


def from_file(file: Path) -> list[Values]:
    return rendered(yaml.safe_load(file.read_text()))


@pytest.fixture(scope="module")
def schemas(others, tmp_path_factory) -> Path:
    """Of every kind that the server knows, with those of the Prometheus operator."""
    folder: Path = tmp_path_factory.mktemp("schemas")

    kinds = {one["kind"] for file in CI for one in from_file(file)} | {"KaituNode"}

    def published() -> bool:
        write_schemas(others, folder, kinds)
        wanted = ("fleet.kaitu.io_v1alpha1_kaitunode", "monitoring.coreos.com_v1_prometheusrule")
        return all((folder / f"{name}.json").exists() for name in wanted)

    until(published, 60, "published schemas of the CRDs")
    return folder


def conform(schemas: Path, objects: list[Values]) -> list[str]:
    """What kubeconform finds wrong with these objects."""
    argv = ("-output", "json", "-schema-location", f"{schemas}/{LOCATION}", "-")
    text = yaml.safe_dump_all(objects)
    _, out, err = attempt(str(programs.program("kubeconform")), *argv, input=text)
    assert not err, err
    found = json.loads(out).get("resources", [])
    return [f"{one['kind']} {one['name']}: {one['msg']}" for one in found]


@pytest.mark.parametrize("file", [pytest.param(one, id=one.stem) for one in CI])
def test_every_object_conforms_to_the_schemas_of_the_api_server(file, schemas):
    assert conform(schemas, from_file(file)) == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", ("spec", "replica"), 2),
        ("Deployment", ("spec", "replicas"), "two"),
        ("ClusterRole", ("rules", 0, "verb"), ["get"]),
        ("PodMonitor", ("spec", "podMetricsEndpoints", 0, "prot"), "http"),
        ("PrometheusRule", ("spec", "group"), []),
    ],
)
def test_a_wrong_object_is_found(kind, path, value, schemas):
    full = from_file(CHART / "ci" / "full.yaml")
    wrong = next(one for one in full if one["kind"] == kind)
    place = wrong
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    assert len(conform(schemas, [wrong])) == 1


@pytest.fixture(scope="module")
def home(plane) -> Cluster:
    return Cluster.fresh(plane)


@pytest.fixture(scope="module")
def release(home) -> Iterator[Release]:
    home.apply(GRAFTED)
    with released(home, {}, OWNERSHIP) as made:
        yield made


def pods(release: Release) -> list[Values]:
    """The operator's pod as its ReplicaSet would make it, and the pod of `helm test`."""
    template = release.find("Deployment")["spec"]["template"]
    operator = {"apiVersion": "v1", "kind": "Pod", **template}
    operator["metadata"] = {**template["metadata"], "name": "operator"}
    hooks = [one for one in rendered() if one["kind"] == "Pod"]
    for hook in hooks:
        hook["metadata"]["namespace"] = release.cluster.namespace
    return [operator, *hooks]


def admit(cluster: Cluster, pod: Values) -> str:
    return cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(pod))


def test_all_objects_are_there(release):
    for one in release.manifest:
        name = one["metadata"]["name"]
        assert release.cluster.get(one["kind"], name)["metadata"]["name"] == name


def test_the_pods_meet_the_restricted_standard(release):
    for pod in pods(release):
        assert "created" in admit(release.cluster, pod)


@pytest.mark.parametrize(
    "lax",
    [
        {"podSecurityContext": {"seccompProfile": None}},
        {"podSecurityContext": {"runAsNonRoot": False}},
        {"podSecurityContext": {"runAsUser": 0}},
        {"securityContext": {"allowPrivilegeEscalation": None}},
        {"securityContext": {"capabilities": None}},
    ],
    ids=str,
)
def test_a_pod_that_does_not_meet_it_is_refused(lax, release):
    deployment = next(one for one in rendered(lax) if one["kind"] == "Deployment")
    spec = {**deployment["spec"]["template"]["spec"], "serviceAccountName": "default"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lax"}, "spec": spec}

    with pytest.raises(Failed, match="violates PodSecurity"):
        admit(release.cluster, pod)


def test_crds_that_kubectl_applied_are_not_taken_over_unasked(plane):
    cluster = Cluster.fresh(plane)
    crd = "crd/kaitunodes.fleet.kaitu.io"
    plane.kubectl("label", crd, "app.kubernetes.io/managed-by-", "--overwrite")

    with pytest.raises(Failed, match="ownership metadata"):
        Release(cluster).install({})


def test_a_second_operator_in_the_namespace_is_refused(release):
    words = ("--namespace", release.cluster.namespace, "--values", "-")
    login = ("--kubeconfig", str(release.cluster.kubeconfig))

    said = refusal("install", "other", str(CHART), *words, *login)

    assert f'release "{NAME}" in namespace {release.cluster.namespace}' in said
    assert "upgrade that release, or choose another namespace" in said


@pytest.mark.parametrize("version", ["helm", "helm3"])
def test_an_upgrade_and_its_rollback_and_the_end_touch_no_kaitunode(version, plane, tmp_path):
    cluster = Cluster.fresh(plane)
    restricted(cluster)
    release = Release(cluster, version)
    helm("package", str(CHART), "--version", "0.0.9", "--app-version", "0.0.9",
         "--destination", str(tmp_path))  # fmt: skip
    release.install({}, OWNERSHIP, chart=tmp_path / f"{NAME}-0.0.9.tgz")
    cluster.apply(node())
    before = cluster.get("kaitunode", "vps")

    def image() -> str:
        spec = cluster.get("deployment", release.name)["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"])

    assert image() == f"{NAME}:0.0.9"
    release.upgrade({"replicas": 2, "policy": {"maxDisrupted": 2}})
    assert image() == f"{NAME}:0.1.0"
    release.rollback()
    assert image() == f"{NAME}:0.0.9"
    release.uninstall()

    assert cluster.get("kaitunode", "vps") == before
    left = cluster.kubectl("get", "deploy,svc,cm,sa,role,rolebinding", "-o", "name").split()
    assert [one for one in left if release.name in one] == []
    assert release.name not in plane.kubectl("get", "clusterrole,clusterrolebinding", "-o", "name")


def node() -> Values:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJloBW7E+5OB4h/iJGwEOSEFMW+TnWo3dW6whuF0zuQM"
    connection = {
        "host": "203.0.113.7",
        "privateKeySecretRef": {"name": "kaitu-ssh"},
        "hostKeys": [key],
    }
    return {
        "apiVersion": fleet.API,
        "kind": "KaituNode",
        "metadata": {"name": "vps"},
        "spec": {"connection": connection},
    }


def test_the_notes_hold_a_kaitunode_that_the_server_takes(release):
    said = release.upgrade({"crds": {"install": False}})
    _, _, after = said.partition("<<'EOF'\n")
    manifest, _, _ = after.partition("\n    EOF")

    made = release.cluster.kubectl("create", "--dry-run=server", "-f", "-", input=manifest)

    assert "kaitunode.fleet.kaitu.io/vps-1 created" in made
    assert "image.repository is not set" in said


def test_the_page_about_installing(plane, tmp_path):
    """Its commands, as they stand there; the release has the name that the page gives it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "helm").symlink_to(programs.program("helm"))
    (tmp_path / "bin" / "kubectl").symlink_to(programs.kubectl())
    (tmp_path / "charts").symlink_to(CHART.parent)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"

    told = follow("how-to/install.md", tmp_path, {}, PATH=path, KUBECONFIG=str(plane.kubeconfig))

    assert "STATUS: deployed" in told
    assert "uninstalled" in told


def test_with_namespaces_no_rights_on_the_cluster_are_needed(plane):
    """Whoever may do everything in these namespaces, and nothing else, can install it."""
    home, watched = Cluster.fresh(plane), Cluster.fresh(plane)
    user = f"tenant-{home.namespace}"
    for one in (home, watched):
        one.kubectl(
            "create", "rolebinding", "all", "--clusterrole=cluster-admin", f"--user={user}"
        )
    kubeconfig = plane.kubeconfig_for(user)
    tenant = Release(Cluster(plane, home.namespace), kubeconfig=kubeconfig)

    tenant.install({"crds": {"install": False}, "watch": {"namespaces": [watched.namespace]}})
    try:
        assert watched.get("role", f"{tenant.name}-nodes")["rules"]
        with pytest.raises(Failed, match="forbidden"):
            plane.kubectl("--kubeconfig", str(kubeconfig), "get", "clusterroles")
    finally:
        tenant.uninstall()
