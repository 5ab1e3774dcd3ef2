"""A user with the operator's own rights in one namespace, and what it asked the API server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from kaitu.cluster.api import Api
from lab.cluster import Cluster
from lab.operator import BASE
from lab.wait import TooLate

ROLES = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Asked:
    """One request as the audit log has it: when it came, in Unix time, and its HTTP status."""

    verb: str
    uri: str
    code: int
    at: float


@dataclass(frozen=True)
class Account:
    """Who may do in the namespace what the operator's account may do everywhere it must."""

    cluster: Cluster
    user: str
    kubeconfig: Path

    @classmethod
    def of(cls, cluster: Cluster) -> "Account":
        user = f"operator-{cluster.namespace}"
        objects = yaml.safe_load_all((BASE / "rbac.yaml").read_text())
        roles = [one for one in objects if one["kind"] in ("Role", "ClusterRole")]
        for role in roles:
            role["metadata"] = {"name": role["metadata"]["name"]}
        bindings = [_binding(cluster.namespace, user, kind) for kind in ("Role", "ClusterRole")]
        cluster.apply(*roles, *bindings)
        return cls(cluster, user, cluster.plane.kubeconfig_for(user))

    def asked(self, part: str, verb: str = "") -> list[Asked]:
        """What it asked so far where the URI contains ``part``, in order of the answers."""
        log = self.cluster.plane.audit_log
        assert log, "only a control plane of the lab has an audit log"
        entries = [json.loads(line) for line in log.read_text().splitlines() if self.user in line]
        found = [
            Asked(one["verb"], one["requestURI"], one["responseStatus"]["code"], _unix(one))
            for one in entries
            if one["user"].get("username") == self.user and "responseStatus" in one
        ]
        return [one for one in found if part in one.uri and verb in one.verb]


def _unix(entry: dict[str, Any]) -> float:
    return datetime.fromisoformat(entry["requestReceivedTimestamp"]).timestamp()


def _binding(namespace: str, user: str, kind: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{ROLES}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{user}-{kind.lower()}", "namespace": namespace},
        "roleRef": {"apiGroup": ROLES, "kind": kind, "name": "kaitu-operator"},
        "subjects": [{"kind": "User", "apiGroup": ROLES, "name": user}],
    }


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[Api]:
    api = await Api.connect(str(kubeconfig))
    try:
        yield api
    finally:
        await api.close()


async def eventually(check: Callable[[], Any], timeout: float, what: str) -> None:
    """Poll ``check`` beside the tasks of the loop until it is truthy."""
    deadline = time.monotonic() + timeout
    while not check():
        if time.monotonic() > deadline:
            raise TooLate(f"no {what} within {timeout:g} s")
        await asyncio.sleep(0.02)
