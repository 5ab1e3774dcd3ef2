"""Every manifest that we hand out, at a real API server: taken as it is, to the last field."""

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import programs
from lab.command import Failed, attempt
from lab.controlplane import ControlPlane
from lab.judges import judge
from specs import ROOT, full_status

Object = dict[str, Any]
FLEET = ROOT / "examples" / "fleet"
FLUX = ROOT / "examples" / "gitops-flux"
ARGOCD = ROOT / "examples" / "gitops-argocd"
HEALTH = ROOT / "manifests" / "argocd"
BUILT = {
    "base": (ROOT / "manifests/base", ""),
    "cluster-wide": (ROOT / "manifests/overlays/cluster-wide", ""),
    "one-namespace": (ROOT / "manifests/overlays/one-namespace", ""),
    "monitoring": (ROOT / "manifests/overlays/monitoring", ""),
    "samples": (ROOT / "manifests/samples", "kaitu"),
    "fleet": (FLEET, "kaitu"),
    "flux-operator": (FLUX / "operator", ""),
    "argocd-apps": (ARGOCD / "apps", ""),
}
PLAIN = {
    "minimal": (ROOT / "manifests/samples/minimal.yaml", "kaitu"),
    "flux-cluster": (FLUX / "clusters/production", ""),
    "argocd-root": (ARGOCD / "root.yaml", ""),
    "argocd-health": (HEALTH / "argocd-cm.yaml", ""),
    "k3s": (ROOT / "examples/k3s/kaitu-operator.yaml", ""),
}
"""Where each comes from, and the namespace that its user names, where it names none itself."""
STRICT = ("--server-side", "--force-conflicts", "--validate=strict", "--field-manager=manifests")


@pytest.fixture(scope="module")
def server(others: ControlPlane) -> Iterator[ControlPlane]:
    """The API server; what the tests leave in the nodes' namespace is removed."""
    yield others
    for kind in ("kaitunodes", "secrets", "configmaps"):
        others.kubectl("delete", kind, "--all", "--namespace", "kaitu", "--wait=false")


def _kubectl(plane: ControlPlane) -> tuple[str, ...]:
    return (str(programs.kubectl()), "--kubeconfig", str(plane.kubeconfig))


def built(folder: Path) -> list[Object]:
    """What kustomize makes of a folder."""
    out = programs.kustomize(folder)
    return [one for one in yaml.safe_load_all(out) if one]


def named(objects: list[Object], kind: str) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def take(plane: ControlPlane, objects: list[Object], namespace: str, *how: str) -> None:
    wanted = {"apiVersion": "v1", "kind": "List", "items": objects}
    where = ("--namespace", namespace) if namespace else ()
    plane.kubectl(*where, "apply", *STRICT, *how, "-f", "-", input=json.dumps(wanted))


def plain(path: Path) -> list[Object]:
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


@functools.cache
def everything() -> dict[str, tuple[list[Object], str]]:
    made = {name: (built(folder), where) for name, (folder, where) in BUILT.items()}
    return made | {name: (plain(path), where) for name, (path, where) in PLAIN.items()}


@pytest.mark.parametrize("name", [*BUILT, *PLAIN])
def test_the_server_takes_every_object_and_knows_every_field(server: ControlPlane, name: str):
    objects, where = everything()[name]

    take(server, objects, where)

    assert objects


def test_a_field_that_does_not_exist_is_refused_in_every_kind(server: ControlPlane):
    """Else the test above would say little: a field that nobody knows could pass."""
    found = {
        (one["apiVersion"], one["kind"]): (one, where)
        for objects, where in everything().values()
        for one in objects
        if "spec" in one
    }

    for (_, kind), (one, where) in found.items():
        wrong = {**one, "spec": {**one["spec"], "noSuchField": True}}
        with pytest.raises(Failed, match="noSuchField"):
            take(server, [wrong], where, "--dry-run=server")
        assert kind
    assert {kind for _, kind in found} >= {
        *("KaituNode", "Deployment", "HelmRelease", "OCIRepository", "Kustomization"),
        *("Application", "AppProject", "HelmChart", "PodMonitor", "PrometheusRule"),
    }


def test_the_fleet_has_ten_nodes_with_at_most_six_lines_each():
    nodes = named(built(FLEET), "KaituNode")
    own = {path.parent.name: path for path in FLEET.glob("nodes/*/node.yaml")}

    assert (len(nodes), set(nodes)) == (10, set(own))
    assert max(len(path.read_text().splitlines()) for path in own.values()) <= 6
    assert len({one["spec"]["connection"]["host"] for one in nodes.values()}) == 10
    assert all(one["spec"]["sysctl"]["settings"] for one in nodes.values())
    assert nodes["osaka-1"]["spec"]["mode"] == "Observe"


def test_the_canaries_get_a_release_of_their_own():
    nodes = named(built(FLEET), "KaituNode").values()
    rings = {
        (one["metadata"]["labels"]["fleet.kaitu.io/ring"], one["spec"]["compose"]["version"])
        for one in nodes
    }
    releases = {name.removeprefix("compose-") for name in named(built(FLEET), "ConfigMap")}

    assert rings == {("canary", "5.4.1"), ("rest", "5.4.0")}
    assert releases == {version for _, version in rings}


def test_a_node_that_was_just_applied_is_not_yet_in_order(server: ControlPlane):
    take(server, built(FLEET), "kaitu")

    found = json.loads(server.kubectl("--namespace", "kaitu", "get", "kn", "-o", "json"))["items"]
    script = next(HEALTH.rglob("health.lua")).read_text()
    verdicts = judge(found, script, {"current": "false"})

    assert len(verdicts) >= 10
    assert {(one.kstatus, one.argocd) for one in verdicts} == {("InProgress", "Progressing")}


def test_what_the_operator_writes_is_no_difference_to_git(server: ControlPlane):
    """Why the example for Argo CD needs no ignoreDifferences."""
    objects = built(FLEET / "canary")
    take(server, objects, "kaitu")
    written = {"status": full_status()}, {"metadata": {"finalizers": ["fleet.kaitu.io/release"]}}
    for patch, how in zip(written, ("--subresource=status", "--subresource="), strict=True):
        _patch(server, "tokyo-2", patch, how)
    server.kubectl("-n", "kaitu", "annotate", "kn/tokyo-2", "fleet.kaitu.io/requestedAt=now")

    found = _diff(server, objects)
    _patch(server, "tokyo-2", {"metadata": {"finalizers": None}}, "--subresource=")

    assert found == (0, "")
    changed = [{**one, "spec": {**one["spec"], "interval": "9m"}} for one in objects]
    assert "interval: 9m" in _diff(server, changed)[1]


def _patch(server: ControlPlane, name: str, patch: Object, how: str) -> None:
    server.kubectl(
        "-n", "kaitu", "patch", "kn", name, "--type=merge", how, "-p", json.dumps(patch)
    )


def _diff(server: ControlPlane, objects: list[Object]) -> tuple[int, str]:
    wanted = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    diff = ("-n", "kaitu", "diff", "--server-side", "--field-manager=manifests", "-f", "-")
    code, out, _ = attempt(*_kubectl(server), *diff, input=wanted)
    return code, out


def test_flux_waits_for_things_that_exist():
    steps = named(plain(FLUX / "clusters" / "production"), "Kustomization")

    assert list(steps) == [
        f"kaitu-{n}" for n in ("secrets", "shared", "canary", "rest", "operator")
    ]
    for step in steps.values():
        assert {one["name"] for one in step["spec"].get("dependsOn", [])} <= set(steps)
        assert (ROOT / step["spec"]["path"]).is_dir()
        assert step["spec"]["wait"] is True
    assert steps["kaitu-rest"]["spec"]["dependsOn"] == [{"name": "kaitu-canary"}]


def test_argo_cd_goes_wave_by_wave():
    objects = built(ARGOCD / "apps")
    waves = {
        one["metadata"]["name"]: int(
            one["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]
        )
        for one in objects
    }
    order = ["kaitu", *(f"kaitu-{n}" for n in ("crds", "operator", "shared", "canary", "rest"))]

    assert sorted(waves, key=lambda name: waves[name]) == order
    assert sorted(waves.values()) == [-3, -2, -1, 0, 1, 2]
    paths = [one["spec"].get("source", {}).get("path") for one in objects]
    assert all((ROOT / path).is_dir() for path in paths if path)


def test_argo_cd_is_given_the_very_script_that_is_tested():
    (given,) = plain(HEALTH / "argocd-cm.yaml")
    for path in HEALTH.rglob("health.lua"):
        group, kind = path.parent.parts[-2:]
        key = f"resource.customizations.health.{group}_{kind}"
        assert given["data"][key] == path.read_text()


def test_the_script_is_added_to_what_argocd_cm_has(server: ControlPlane, tmp_path: Path):
    there = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}}
    there |= {
        "metadata": {"name": "argocd-cm", "namespace": "argocd"},
        "data": {"url": "https://a"},
    }
    take(server, [there], "", "--field-manager=somebody")
    take(server, plain(HEALTH / "argocd-cm.yaml"), "")
    found = server.kubectl("-n", "argocd", "get", "configmap", "argocd-cm", "-o", "json")
    live = json.loads(found)["data"]

    assert live == there["data"] | plain(HEALTH / "argocd-cm.yaml")[0]["data"]
    assert live == _as_component(tmp_path, there)["data"]


def _as_component(folder: Path, there: Object) -> Object:
    """What kustomize makes of an Argo CD with our component."""
    (folder / "there.yaml").write_text(yaml.safe_dump(there))
    (folder / "health").mkdir()
    for name in ("kustomization.yaml", "argocd-cm.yaml"):
        (folder / "health" / name).write_text((HEALTH / name).read_text())
    wanted = {"resources": ["there.yaml"], "components": ["health"]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(wanted))
    return built(folder)[0]
