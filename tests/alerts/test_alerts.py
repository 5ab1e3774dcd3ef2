"""Each alert and each panel asks for metrics and labels that exist, and each alert has a page."""

import re
import subprocess
import textwrap

import pytest
import yaml

from alerts.files import (
    DASHBOARDS,
    ROOT,
    RUNBOOKS,
    alerts,
    board,
    every_query,
    labels_of,
    metrics_of,
    queries,
)
from kaitu.controller.metrics import described
from kaitu.core.reasons import Condition, Reason

SUFFIXES = ("_bucket", "_sum", "_count")
STANDARD = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}
KNOWN = {one.name: one for one in described()}
HEADINGS = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"]


def base(metric: str) -> str:
    """The histogram that a series belongs to, or the metric itself."""
    stem = next((metric.removesuffix(s) for s in SUFFIXES if metric.endswith(s)), metric)
    return stem if KNOWN.get(stem, KNOWN["kaitu_nodes"]).kind == "histogram" else metric


def unknown(query: str) -> set[str]:
    """What a query asks for that nobody serves: metrics, and labels of metrics."""
    missing = {m for m in metrics_of(query) if base(m) not in KNOWN.keys() | STANDARD}
    for metric, labels in labels_of(query):
        if about := KNOWN.get(base(metric)):
            missing |= {f"{metric}{{{one}}}" for one in labels - set(about.labels) - {"le"}}
    return missing


@pytest.mark.parametrize(("place", "query"), every_query())
def test_a_query_asks_for_what_exists(place, query):
    assert metrics_of(query)
    assert unknown(query) == set()


@pytest.mark.parametrize(
    "query",
    [
        "kaitu_planted == 1",
        'kaitu_node_condition{planted="x"} == 1',
        "rate(kaitu_visits[1m])",
        "kaitu_nodes_bucket",
    ],
)
def test_the_check_finds_what_does_not_exist(query):
    assert unknown(query)


@pytest.mark.parametrize(("place", "query"), every_query())
def test_a_query_names_only_reasons_and_types_that_exist(place, query):
    """A name that nobody says any more would make an alert that never fires."""
    for words in re.findall(r'reason=~?"([^"]*)"', query):
        assert set(words.split("|")) <= {str(reason) for reason in Reason}
    for words in re.findall(r'type=~?"([^"]*)"', query):
        assert set(words.split("|")) <= {str(kind) for kind in Condition}


@pytest.mark.parametrize(("name", "rule"), alerts().items())
def test_an_alert_says_how_grave_what_and_where_to_read_on(name, rule):
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
    assert len(rule["annotations"]["summary"]) < 100
    page = (ROOT / rule["annotations"]["runbook_url"]).read_text().splitlines()
    assert page[0] == f"# {name}"
    assert [line for line in page if line.startswith("## ")] == HEADINGS


def test_no_page_is_left_of_an_alert_that_is_gone():
    pages = {path.stem for path in RUNBOOKS.glob("Kaitu*.md")}
    assert pages == set(alerts())


def test_a_page_points_to_places_that_exist():
    for page in RUNBOOKS.glob("*.md"):
        for file, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
            target = (page.parent / file) if file else page
            assert target.exists(), f"{page.name}: {file}"
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert not anchor or anchor in slugs, f"{page.name}: #{anchor}"


def test_the_dashboards_are_two_and_can_be_imported():
    assert [path.stem for path in DASHBOARDS] == ["fleet", "operator"]
    for path in DASHBOARDS:
        found = board(path)
        assert found["uid"] == f"kaitu-{path.stem}"
        assert found["templating"]["list"][0]["type"] == "datasource"
        numbers = [panel["id"] for panel in found["panels"]]
        assert len(numbers) == len(set(numbers))
        for panel in found["panels"]:
            assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"


def test_no_two_panels_lie_on_each_other():
    for path in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in board(path)["panels"]:
            at = panel["gridPos"]
            xs, ys = range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
            cells = {(x, y) for x in xs for y in ys}
            assert not cells & taken, f"{path.stem}: {panel['title']}"
            assert at["x"] + at["w"] <= 24
            taken |= cells


def test_every_metric_of_the_fleet_is_on_a_dashboard():
    """One that nobody looks at is one too many; transition times are for users' own alerts."""
    shown = {base(m) for path in DASHBOARDS for _, q in queries(path) for m in metrics_of(q)}
    asked = shown | {base(m) for rule in alerts().values() for m in metrics_of(rule["expr"])}
    assert set(KNOWN) - asked == {
        "kaitu_node_condition_transition_timestamp_seconds",
        "kaitu_slot_holder",
    }


MONITORING = (ROOT / "docs" / "how-to" / "monitoring.md").read_text()


def test_the_command_that_completes_the_addresses_of_the_runbooks_does_so():
    (command,) = re.findall(r"^(sed .*) > \S+$", MONITORING, re.MULTILINE)
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True
    )
    groups = yaml.safe_load(done.stdout)["groups"]
    found = {rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]}
    base = "https://git.example.com/kaitu/blob/main/docs/runbooks/"
    assert found == {f"{base}{name}.md" for name in alerts()}


def test_the_page_lists_every_alert_with_its_severity():
    listed = re.findall(r"^\| \[(\w+)\]\(\S+\) \| (\w+) \|", MONITORING, re.MULTILINE)
    assert dict(listed) == {name: rule["labels"]["severity"] for name, rule in alerts().items()}


def test_the_page_shows_a_configuration_that_keeps_our_labels():
    (block,) = re.findall(r"^    scrape_configs:\n(?:      .*\n)+", MONITORING, re.MULTILINE)
    (job,) = yaml.safe_load(textwrap.dedent(block))["scrape_configs"]
    assert job["honor_labels"] is True
