"""The alerts under Prometheus's own promtool: they fire when they must, and only then."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.files import ALERTS, ROOT, alerts
from lab.command import Failed, run
from lab.prometheus import program

CASES = yaml.safe_load((ROOT / "tests" / "alerts" / "rules.yaml").read_text())
RULES = yaml.safe_load(ALERTS.read_text())
MONITORING = ROOT / "docs" / "how-to" / "monitoring.md"
INSTALLATIONS = yaml.safe_load("""
interval: 1m
input_series:
  - {series: 'kaitu_leader{namespace="kaitu-system"}', values: "1x10 _x20"}
  - {series: 'kaitu_leader{namespace="other"}', values: "1x30"}
alert_rule_test:
  - {alertname: KaituOperatorDown, eval_time: 10m, exp_alerts: []}
  - alertname: KaituOperatorDown
    eval_time: 25m
    exp_alerts: [{exp_labels: {severity: critical, namespace: kaitu-system}}]
""")


def play(place: Path, rules: Any, cases: Any) -> None:
    """Let promtool run the cases. What an alert says is left out: it has no say in when."""
    silent = copy.deepcopy(rules)
    for group in silent["groups"]:
        for rule in group["rules"]:
            rule.pop("annotations")
    (place / "alerts.yaml").write_text(yaml.safe_dump(silent))
    (place / "cases.yaml").write_text(yaml.safe_dump(cases | {"rule_files": ["alerts.yaml"]}))
    run(program("promtool"), "test", "rules", "cases.yaml", cwd=place)


def test_the_rules_are_valid_with_what_they_say():
    told = run(program("promtool"), "check", "rules", str(ALERTS))
    assert f"{len(alerts())} rules found" in told


def test_a_broken_text_would_be_found(tmp_path):
    broken = tmp_path / "alerts.yaml"
    broken.write_text(ALERTS.read_text().replace("$labels.mount }}", "$labels.mount }", 1))
    with pytest.raises(Failed):
        run(program("promtool"), "check", "rules", str(broken))


def test_each_alert_fires_when_it_must_and_only_then(tmp_path):
    play(tmp_path, RULES, CASES)


def test_the_rule_for_one_of_several_installations_sees_the_end_of_that_one(tmp_path):
    (page,) = re.findall(r"^    groups:\n(?:      .*\n)+", MONITORING.read_text(), re.MULTILINE)
    rules = yaml.safe_load(page)
    rules["groups"][0]["rules"][0]["annotations"] = {}
    play(tmp_path, rules, {"evaluation_interval": "1m", "tests": [INSTALLATIONS]})


@pytest.mark.parametrize("name", alerts())
def test_each_alert_has_a_case_that_fires_and_one_that_does_not(name):
    asked = [one for case in CASES["tests"] for one in case["alert_rule_test"]]
    fires = {bool(one["exp_alerts"]) for one in asked if one["alertname"] == name}
    assert fires == {True, False}


@pytest.mark.parametrize("name", alerts())
def test_the_cases_find_an_alert_that_has_gone_blind(tmp_path, name):
    blind = copy.deepcopy(RULES)
    (rule,) = (r for group in blind["groups"] for r in group["rules"] if r["alert"] == name)
    rule["expr"] = f"({rule['expr']}) and vector(1) == 2"
    with pytest.raises(Failed, match=name):
        play(tmp_path, blind, CASES)


EXCEPTIONS = [
    (name, rule["expr"].split(" unless on ")[1:], number)
    for name, rule in alerts().items()
    for number in range(rule["expr"].count(" unless on ") if name.startswith("KaituNode") else 0)
]


@pytest.mark.parametrize(("name", "parts", "number"), EXCEPTIONS)
def test_the_cases_find_an_exception_that_is_missing(tmp_path, name, parts, number):
    """Each `unless` of an alert is there for a case."""
    loud = copy.deepcopy(RULES)
    (rule,) = (r for group in loud["groups"] for r in group["rules"] if r["alert"] == name)
    rule["expr"] = rule["expr"].replace(f" unless on {parts[number]}", " ", 1)
    with pytest.raises(Failed, match=name):
        play(tmp_path, loud, CASES)
