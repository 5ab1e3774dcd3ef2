"""The API server's audit log: who asked for what, and what was granted for it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.controlplane import ControlPlane
from lab.operator import ACCOUNT
from lab.steps import LabError

POD = "authentication.kubernetes.io/pod-name"
WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Request:
    """One finished request of the operator's account; the pod is known where one sent it."""

    verb: str
    uri: str
    code: int
    pod: str = ""


@dataclass(frozen=True)
class Access:
    """A right that a request needed, and whether it was there."""

    namespace: str
    group: str
    resource: str
    name: str
    verb: str
    allowed: bool = True


def log_of(plane: ControlPlane) -> Path:
    if plane.audit_log is None:
        raise LabError("KAITU_TEST_KUBECONFIG names a cluster whose audit log is not ours to read")
    return plane.audit_log


def mark(plane: ControlPlane) -> int:
    """The place in the log where what happens from now on will stand."""
    return log_of(plane).stat().st_size


def requests(plane: ControlPlane, offset: int = 0, user: str = ACCOUNT) -> list[Request]:
    """Every request of this user that was logged after ``offset`` bytes."""
    return [
        _request(event)
        for event in _events(plane, offset, user)
        if event["stage"] == "ResponseComplete"
    ]


def accesses(plane: ControlPlane, offset: int = 0, user: str = ACCOUNT) -> set[Access]:
    """What this user needed rights for; a watch counts from its start on."""
    asked = [one for one in _events(plane, offset, user) if "objectRef" in one]
    return {
        Access(**_object(one["objectRef"]), verb=one["verb"], allowed=_allowed(one))
        for one in asked
    }


def denied(found: set[Access]) -> set[Access]:
    """What was refused and never allowed: a server that has just started refuses for a moment."""
    allowed = {(one.group, one.resource, one.verb) for one in found if one.allowed}
    return {
        one
        for one in found
        if not one.allowed and (one.group, one.resource, one.verb) not in allowed
    }


def _events(plane: ControlPlane, offset: int, user: str) -> Iterator[dict[str, Any]]:
    with log_of(plane).open("rb") as file:
        file.seek(offset)
        events = [json.loads(line) for line in file.read().splitlines() if line.endswith(b"}")]
    return (one for one in events if one["user"].get("username") == user)


def _object(ref: dict[str, str]) -> dict[str, str]:
    below = f"/{ref['subresource']}" if "subresource" in ref else ""
    return {
        "namespace": ref.get("namespace", ""),
        "group": ref.get("apiGroup", ""),
        "resource": ref["resource"] + below,
        "name": ref.get("name", ""),
    }


def _allowed(event: dict[str, Any]) -> bool:
    decision = event.get("annotations", {}).get("authorization.k8s.io/decision")
    return bool(decision == "allow")


def _request(event: dict[str, Any]) -> Request:
    code = event.get("responseStatus", {}).get("code", 0)
    (pod,) = event["user"].get("extra", {}).get(POD) or ("",)
    return Request(event["verb"], event["requestURI"], code, pod)


def writes(plane: ControlPlane, offset: int = 0, user: str = ACCOUNT) -> list[Request]:
    """A question about rights is a create, too, but nothing is kept of it."""
    made = requests(plane, offset, user)
    return [one for one in made if one.verb in WRITING and "accessreviews" not in one.uri]
