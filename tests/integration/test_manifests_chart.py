"""What we hand out besides the chart says the same as the chart."""

from typing import Any

import yaml

from chart.base import MONITORED
from lab import programs
from lab.chart import CHART, rendered
from specs import ROOT

Object = dict[str, Any]
RIGHTS = {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
API = "monitoring.coreos.com/v1/"
FOREIGN = {"app.kubernetes.io/managed-by", "helm.sh/chart"}


def names(objects: list[Object]) -> set[tuple[str, str]]:
    return {(each["kind"], each["metadata"]["name"]) for each in objects}


def overlay(name: str) -> list[Object]:
    folder = ROOT / "manifests" / "overlays" / name
    return list(yaml.safe_load_all(programs.kustomize(folder)))


def one(path: str, kind: str) -> Object:
    """The only object of this kind in a file of the examples."""
    found = list(yaml.safe_load_all((ROOT / "examples" / path).read_text()))
    only: list[Object] = [each for each in found if each["kind"] == kind]
    assert len(only) == 1
    return only[0]


def rights(objects: list[Object]) -> dict[tuple[str, str, str], Object]:
    """Roles and bindings by where and what they are, without Helm's own labels."""
    found = {}
    for each in (each for each in objects if each["kind"] in RIGHTS):
        about = each["metadata"]
        about["labels"] = {k: v for k, v in about["labels"].items() if k not in FOREIGN}
        found[each["kind"], about.get("namespace", ""), about["name"]] = each
    return found


def arguments(objects: list[Object]) -> list[str]:
    (deployment,) = (each for each in objects if each["kind"] == "Deployment")
    found: list[str] = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    return found


def test_the_overlay_for_one_namespace_has_the_rights_that_the_chart_gives():
    ours = overlay("one-namespace")
    chart = rendered({"watch": {"namespaces": ["kaitu"]}})

    assert rights(ours) == rights(chart)
    assert not {kind for kind, _, _ in rights(ours)} & {"ClusterRole", "ClusterRoleBinding"}
    assert arguments(ours) == arguments(chart)


def test_the_overlay_for_all_namespaces_has_the_rights_that_the_chart_gives():
    assert rights(overlay("cluster-wide")) == rights(rendered())
    assert arguments(overlay("cluster-wide")) == arguments(rendered())


def test_the_overlay_for_several_pods_has_the_arguments_of_the_chart():
    ours, chart = overlay("shards"), rendered({"replicas": 3, "shards": 3})

    assert rights(ours) == rights(chart)
    assert arguments(ours) == arguments(chart)
    assert "--shards=3" in arguments(ours)


def test_the_overlay_with_monitoring_has_what_the_chart_has_for_it():
    asked = {value: {"enabled": True} for value in MONITORED.values()}
    kinds = ("--api-versions", API + "PodMonitor", "--api-versions", API + "PrometheusRule")
    chart = names(rendered({"monitoring": asked}, *kinds)) - names(rendered())

    assert names(overlay("monitoring")) - names(overlay("cluster-wide")) == chart
    assert {kind for kind, _ in chart} == {"PodMonitor", "PrometheusRule", "ConfigMap"}


def test_the_examples_ask_the_chart_for_what_it_knows():
    release = one("gitops-flux/operator/release.yaml", "HelmRelease")
    application = one("gitops-argocd/apps/operator.yaml", "Application")
    k3s = one("k3s/kaitu-operator.yaml", "HelmChart")
    helm = application["spec"]["source"]["helm"]
    asked = {
        "flux": release["spec"]["values"],
        "argocd": helm["valuesObject"],
        "k3s": yaml.safe_load(k3s["spec"]["valuesContent"]),
    }

    made = {who: rendered(values) for who, values in asked.items()}

    crds = {
        who: any(each["kind"] == "CustomResourceDefinition" for each in made[who]) for who in made
    }
    assert crds == {"flux": True, "argocd": False, "k3s": True}
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    assert application["spec"]["source"]["targetRevision"] == version == k3s["spec"]["version"]
