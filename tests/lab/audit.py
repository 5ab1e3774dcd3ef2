"""The API server's audit log: who wrote what."""

import json
from dataclasses import dataclass
from pathlib import Path

from lab.controlplane import ControlPlane
from lab.operator import ACCOUNT
from lab.steps import LabError

WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Request:
    """One finished request of the operator's account."""

    verb: str
    uri: str
    code: int


def log_of(plane: ControlPlane) -> Path:
    if plane.audit_log is None:
        raise LabError("KAITU_TEST_KUBECONFIG names a cluster whose audit log is not ours to read")
    return plane.audit_log


def mark(plane: ControlPlane) -> int:
    """The place in the log where what happens from now on will stand."""
    return log_of(plane).stat().st_size


def requests(plane: ControlPlane, offset: int = 0, user: str = ACCOUNT) -> list[Request]:
    """Every request of this user that was logged after ``offset`` bytes."""
    with log_of(plane).open("rb") as file:
        file.seek(offset)
        events = [json.loads(line) for line in file.read().splitlines() if line.endswith(b"}")]
    return [
        Request(event["verb"], event["requestURI"], event.get("responseStatus", {}).get("code", 0))
        for event in events
        if event["user"].get("username") == user and event["stage"] == "ResponseComplete"
    ]


def writes(plane: ControlPlane, offset: int = 0, user: str = ACCOUNT) -> list[Request]:
    return [one for one in requests(plane, offset, user) if one.verb in WRITING]
