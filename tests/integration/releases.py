"""Releases of the chart on the lab's API server, which has no controllers and no kubelet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.chart import CHART, NAME, Values, helm, objects
from lab.cluster import Cluster

OWNERSHIP = "--take-ownership"
"""The lab's CRDs were applied by kubectl: Helm takes them over when it is told to."""


@dataclass(frozen=True)
class Release:
    """The chart in a namespace. Its objects have a name of their own: cluster roles would meet."""

    cluster: Cluster
    helm: str = "helm"
    kubeconfig: Path | None = None

    @property
    def name(self) -> str:
        return f"of-{self.cluster.namespace}"

    def install(self, values: Values, *words: str, chart: Path = CHART) -> str:
        return self._do("install", str(chart), *words, values=values)

    def upgrade(self, values: Values, *words: str, chart: Path = CHART) -> str:
        return self._do("upgrade", str(chart), *words, values=values)

    def rollback(self) -> None:
        self._helm("rollback", NAME, "1")

    def uninstall(self) -> None:
        self._helm("uninstall", NAME)

    @property
    def manifest(self) -> list[Values]:
        """What Helm says is installed."""
        return objects(self._helm("get", "manifest", NAME))

    def find(self, kind: str, suffix: str = "") -> Values:
        wanted = (kind, self.name + suffix)
        return next(
            one for one in self.manifest if (one["kind"], one["metadata"]["name"]) == wanted
        )

    def _do(self, verb: str, chart: str, *words: str, values: Values) -> str:
        named = {"fullnameOverride": self.name, **values}
        return self._helm(verb, NAME, chart, "--values", "-", *words, values=named)

    def _helm(self, *words: str, values: Values | None = None) -> str:
        where = ("--namespace", self.cluster.namespace)
        login = ("--kubeconfig", str(self.kubeconfig or self.cluster.kubeconfig))
        return helm(*words, *where, *login, values=values, version=self.helm)


def restricted(cluster: Cluster) -> None:
    """From now on no pod comes to be here that does not meet the restricted standard."""
    label = "pod-security.kubernetes.io/enforce=restricted"
    cluster.plane.kubectl("label", "namespace", cluster.namespace, label)


@contextmanager
def released(cluster: Cluster, values: Values, *words: str) -> Iterator[Release]:
    restricted(cluster)
    release = Release(cluster)
    release.install(values, *words)
    try:
        yield release
    finally:
        release.uninstall()
