"""KaituNodes as an API server shows them."""

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 27, 12, 0, 0, tzinfo=UTC)
CONNECTION = {
    "host": "203.0.113.7",
    "port": 1022,
    "user": "ubuntu",
    "privateKeySecretRef": {"name": "kaitu-ssh"},
    "hostKeys": ["ssh-ed25519 AAAA"],
}
KINDS = ("Reachable", "ProbeTrusted", "InSync", "Healthy", "Ready")
GOOD = ("Connected", "FrameValid", "InSync", "Healthy", "Ready")


def said(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-11-27T11:57:00Z",
    }


def node(name: str = "tokyo-1", *conditions: dict[str, Any], **status: Any) -> dict[str, Any]:
    """In order, but for the conditions and the parts of status that are given."""
    found = {kind: said(kind, "True", why) for kind, why in zip(KINDS, GOOD, strict=True)}
    found |= {one["type"]: one for one in conditions}
    metadata = {
        "namespace": "fleet",
        "name": name,
        "uid": f"uid-{name}",
        "generation": 3,
        "resourceVersion": "17",
        "creationTimestamp": "2026-11-24T12:00:00Z",
    }
    return {
        "apiVersion": "fleet.kaitu.io/v1alpha1",
        "kind": "KaituNode",
        "metadata": metadata,
        "spec": {"connection": CONNECTION},
        "status": {
            "observedGeneration": 3,
            "conditions": list(found.values()),
            "aspects": [{"name": "sysctl", "state": "InSync", "reason": "InSync"}],
            "compose": {"version": "5.4.0"},
            "lastVisitTime": "2026-11-27T11:59:48Z",
            **status,
        },
    }


SICK = node(
    "sick",
    said("InSync", "False", "GateFailed", "compose: k2-sidecar never became healthy"),
    said("Ready", "False", "GateFailed", "compose: k2-sidecar never became healthy"),
    aspects=[
        {"name": "sysctl", "state": "InSync", "reason": "InSync"},
        {
            "name": "compose",
            "state": "Failed",
            "reason": "GateFailed",
            "message": "k2-sidecar never became healthy within 60s, so that k2v5, k2v4-slave and "
            "k2-oc were not touched",
        },
    ],
    revision={"held": "0123456789abcdef"},
    drift=[
        {
            "aspect": "compose",
            "item": "release 5.5.0",
            "kind": "changed",
            "firstSeen": "2026-11-27T11:00:00Z",
        }
    ],
    facts={"os": "Debian 12", "arch": "x86_64", "docker": "26.1.5", "compose": "2.26.1"},
    env={"managed": 11, "inSync": 11, "protectedPresent": True},
    compose={
        "version": "5.4.0",
        "services": [
            {
                "name": "k2-sidecar",
                "state": "running",
                "health": "healthy",
                "restarts": 2,
                "image": "registry.example.com/kaitu/k2-sidecar:5.4.0",
                "startedAt": "2026-11-27T03:00:00Z",
            }
        ],
        "updates": [
            {
                "time": "2026-11-27T11:58:00Z",
                "version": "5.5.0",
                "result": "GateFailed",
                "service": "k2-sidecar",
            }
        ],
    },
)
NEW = {**node("new"), "status": {"observedGeneration": -1}}
