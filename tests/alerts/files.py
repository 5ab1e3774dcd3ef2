"""The rules and dashboards as the chart ships them, and every query in them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILES = ROOT / "charts" / "kaitu-operator" / "files"
ALERTS = FILES / "alerts.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks"
DASHBOARDS = sorted((FILES / "dashboards").glob("*.json"))
_VARIABLES = {"$namespace": ".*", "$node": ".*", "$__rate_interval": "1m"}


def alerts() -> dict[str, dict[str, Any]]:
    """The alerting rules by name."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def board(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def queries(path: Path) -> Iterator[tuple[str, str]]:
    """Each panel's title with each of its queries, its variables replaced as for "All"."""
    for panel in board(path)["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"]
            for name, value in _VARIABLES.items():
                query = query.replace(name, value)
            yield panel["title"], query


def every_query() -> list[tuple[str, str]]:
    """Where it stands, and the query."""
    found = [(name, rule["expr"]) for name, rule in alerts().items()]
    for path in DASHBOARDS:
        found += [(f"{path.stem}: {title}", query) for title, query in queries(path)]
    return found


_STRING = re.compile(r'"[^"]*"')
_WORD = re.compile(r"\b[a-z_][a-z0-9_]*\b")


def metrics_of(query: str) -> set[str]:
    """The names in a query that look like metrics of ours or of the process."""
    words = _WORD.findall(_STRING.sub('""', query))
    return {word for word in words if re.match(r"(kaitu|process|python)_", word)}


def labels_of(query: str) -> list[tuple[str, set[str]]]:
    """Each selector of a query: the metric and the labels that it picks by."""
    found = re.findall(r"\b((?:kaitu|process)_\w+)\{([^}]*)\}", query)
    return [(name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))) for name, inside in found]
