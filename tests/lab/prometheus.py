"""Prometheus and its promtool, as Debian has them: unpacked, never installed as a service."""

import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab import ports
from lab.command import Child
from lab.packages import unpacked
from lab.wait import until

Series = dict[str, str]


def program(name: str) -> str:
    """``promtool`` or ``prometheus``."""
    return str(unpacked("prometheus") / "usr" / "bin" / name)


@dataclass(frozen=True)
class Prometheus:
    """A running server that scrapes one target every second."""

    child: Child
    url: str

    @classmethod
    def start(cls, state: Path, target: str, rules: Path) -> "Prometheus":
        state.mkdir(parents=True, exist_ok=True)
        scrape = {"job_name": "kaitu-operator", "honor_labels": True}
        scrape["static_configs"] = [{"targets": [target]}]
        every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config = {"global": every, "rule_files": [str(rules)], "scrape_configs": [scrape]}
        (state / "prometheus.yml").write_text(yaml.safe_dump(config))
        address = f"127.0.0.1:{ports.free(1)[0]}"
        child = Child.start(
            program("prometheus"), f"--config.file={state / 'prometheus.yml'}",
            f"--storage.tsdb.path={state / 'data'}", f"--web.listen-address={address}",
            log=state / "prometheus.log",
        )  # fmt: skip
        server = cls(child, f"http://{address}")
        until(server._ready, 60, "ready Prometheus")
        return server

    def query(self, expression: str) -> list[tuple[Series, float]]:
        """The series of an instant query now, each with its value; raises where it is refused."""
        asked = urllib.parse.urlencode({"query": expression})
        found = self._get(f"/api/v1/query?{asked}")["data"]["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def rules(self) -> list[dict[str, Any]]:
        """The rules as it has loaded them, each with its ``health``."""
        groups = self._get("/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def stop(self) -> None:
        self.child.stop()

    def _get(self, path: str) -> dict[str, Any]:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _ready(self) -> bool:
        self.child.check()
        with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
