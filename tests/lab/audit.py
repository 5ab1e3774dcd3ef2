"""The API server's audit log: who wrote what."""

import json
from dataclasses import dataclass
from pathlib import Path

from lab.operator import ACCOUNT

WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Request:
    """One finished request of the operator's account."""

    verb: str
    uri: str
    code: int


def requests(log: Path, offset: int = 0, user: str = ACCOUNT) -> list[Request]:
    """Every request of this user that was logged after ``offset`` bytes."""
    with log.open("rb") as file:
        file.seek(offset)
        events = [json.loads(line) for line in file.read().splitlines() if line.endswith(b"}")]
    return [
        Request(event["verb"], event["requestURI"], event.get("responseStatus", {}).get("code", 0))
        for event in events
        if event["user"]["username"] == user and event["stage"] == "ResponseComplete"
    ]


def writes(log: Path, offset: int = 0, user: str = ACCOUNT) -> list[Request]:
    return [one for one in requests(log, offset, user) if one.verb in WRITING]
