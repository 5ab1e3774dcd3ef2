"""What the chart makes of values, and what it refuses, by the real Helm; no cluster is asked."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart.base import BASE
from chart.base import rendered as base
from kaitu.api.policy import Policy, parse
from lab.chart import CHART, Values, refusal, rendered, template

HERE = Path(__file__).parent / "chart"
RENDERS = yaml.safe_load((HERE / "renders.yaml").read_text())
REFUSED = yaml.safe_load((HERE / "refused.yaml").read_text())
CI = sorted(CHART.glob("ci/*.yaml"))


def at(body: Any, path: str) -> Any:
    """The field at ``a.b.0.c``; keys may have dots in them."""
    if not path or body is None:
        return body
    if isinstance(body, list):
        head, _, tail = path.partition(".")
        return at(body[int(head)] if int(head) < len(body) else None, tail)
    key = max((one for one in body if f"{path}.".startswith(f"{one}.")), key=len, default=None)
    return at(body[key], path[len(key) + 1 :]) if key else None


def name(one: Values) -> str:
    return f"{one['kind']}/{one['metadata']['name']}"


@pytest.mark.parametrize("case", [pytest.param(one, id=one["what"]) for one in RENDERS])
def test_values_become_objects(case):
    words = [word for kind in case.get("api", ()) for word in ("--api-versions", kind)]
    made = rendered(case.get("values"), *words)
    kinds = [one["kind"] for one in made]

    found = {name(one): one for one in made}
    fields = {(key, path) for key, paths in case.get("expect", {}).items() for path in paths}
    assert {(key, path): at(found[key], path) for key, path in fields} == {
        (key, path): case["expect"][key][path] for key, path in fields
    }
    wanted = case.get("kinds", {})
    assert {kind: kinds.count(kind) for kind in wanted} == wanted


@pytest.mark.parametrize("case", [pytest.param(one, id=str(one["values"])) for one in REFUSED])
def test_wrong_values_are_refused_with_what_to_write(case):
    said = refusal(*template(), values=case["values"])

    assert [words for words in case["says"] if words not in said] == [], said


def test_an_old_cluster_is_refused():
    assert "1.28.0" in refusal(*template("--kube-version", "1.28.0"))


def test_all_that_is_wrong_is_said_at_once():
    said = refusal(
        *template(), values={"image": {"digest": "x"}, "watch": {"namespaces": ["A", "A"]}}
    )

    assert "image.digest" in said
    assert 'has "A"' in said
    assert "twice" in said


@pytest.mark.parametrize("file", [pytest.param(one, id=one.stem) for one in CI])
def test_both_helms_render_the_same(file):
    values = yaml.safe_load(file.read_text())

    assert rendered(values, version="helm3") == rendered(values)


@pytest.mark.parametrize("file", [pytest.param(one, id=one.stem) for one in CI])
def test_every_object_says_whose_it_is(file):
    values = yaml.safe_load(file.read_text())
    for one in rendered(values):
        labels = one["metadata"].get("labels", {})
        extra = one["metadata"]["name"].startswith("extra-")
        assert extra or labels["app.kubernetes.io/part-of"] == "kaitu", name(one)
        assert extra or labels["app.kubernetes.io/managed-by"] == "Helm", name(one)


def test_the_pod_is_another_when_the_policy_is_another():
    def checksum(policy: Values) -> Any:
        found = {name(one): one for one in rendered({"policy": policy})}
        annotations = at(found["Deployment/kaitu-operator"], "spec.template.metadata.annotations")
        return annotations["checksum/policy"]

    assert checksum({}) == checksum({})
    assert checksum({"maxDisrupted": 2}) != checksum({})


def test_the_operator_reads_the_policy_that_the_chart_writes():
    """The default one, spelt out: all of it passes the schema, and means the same afterwards."""
    written = json.loads(Policy().model_dump_json(by_alias=True))

    found = {name(one): one for one in rendered({"policy": written})}

    assert parse(found["ConfigMap/kaitu-operator-policy"]["data"]["policy.yaml"]) == Policy()


def test_dashboards_and_alerts_reach_the_cluster_as_they_are():
    """Braces in them are for Grafana and Prometheus, not for Helm."""
    full = {"enabled": True, "renderMode": "alwaysRender"}
    values = {"monitoring": {"dashboards": {"enabled": True}, "prometheusRule": full}}
    found = {name(one): one for one in rendered(values)}

    for file in CHART.glob("files/dashboards/*.json"):
        kept = found[f"ConfigMap/kaitu-operator-{file.stem}"]["data"][file.name]
        assert json.loads(kept) == json.loads(file.read_text())
    rules = found["PrometheusRule/kaitu-operator"]["spec"]
    assert rules == yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())


def test_the_base_is_what_the_chart_renders():
    kept = {file: (BASE / file).read_text() for file in base()}

    assert kept == base(), "run make chart"


def test_the_template_of_the_crd_changes_only_its_metadata():
    found = {name(one): one for one in rendered()}
    crd = found["CustomResourceDefinition/kaitunodes.fleet.kaitu.io"]
    source = yaml.safe_load((BASE / "crds.yaml").read_text())

    assert crd["spec"] == source["spec"]
    assert crd["metadata"]["name"] == source["metadata"]["name"]
