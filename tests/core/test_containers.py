"""What Docker says, as ``probe_docker.sh`` prints it; samples are from Docker 26.1 on a node."""

import json
from typing import Any

import pytest

from kaitu.core.aspect import Answer
from kaitu.core.containers import Engine, parse_docker
from kaitu.core.errors import UnparsableError

K2V5 = {
    "id": "3311e04128c9ab90efc4f70ceb79fff374f23e4d7b23048dee74dbf643aff846",
    "name": "/k2v5",
    "image": "registry.lab:5000/k2v5:v1",
    "imageID": "sha256:a5ae66346e77ac0224cc6bb8e7fe53ee4b3a1d0863435b7b9637b3f04faa4aac",
    "state": "running",
    "health": "",
    "restarts": 0,
    "startedAt": "2026-11-24T17:20:30.259003808Z",
    "finishedAt": "0001-01-01T00:00:00Z",
    "exitCode": 0,
    "oom": False,
    "project": "kaitu-slave",
    "service": "k2v5",
    "dir": "/apps/kaitu-slave",
    "hash": "3bf9ab1c38fac645dfb62647b79968449e3f12f5d142fc16638665f194280905",
}


def engine(
    *containers: dict[str, Any], first: str = "engine\tok\t26.1.5+dfsg1\t2.26.1-4"
) -> Engine:
    lines = [first, *map(json.dumps, containers)]
    return parse_docker(Answer(0, "".join(f"{line}\n" for line in lines).encode()))


def test_a_container_is_read_as_it_is() -> None:
    (found,) = engine(K2V5).containers

    assert (found.name, found.service, found.state) == ("k2v5", "k2v5", "running")
    assert found.directory == "/apps/kaitu-slave"
    assert found.image_id == K2V5["imageID"]


def test_a_deployment_is_known_by_its_directory_or_its_project() -> None:
    renamed = {**K2V5, "project": "stack"}
    moved = {**K2V5, "dir": "/opt/kaitu-slave"}
    other = {**K2V5, "project": "other", "dir": "/opt/other"}

    assert engine(renamed).deployed("/apps/kaitu-slave") is True
    assert engine(moved).deployed("/apps/kaitu-slave") is True
    assert engine(other).deployed("/apps/kaitu-slave") is False


@pytest.mark.parametrize(("state", "seen"), [("missing", False), ("down", None), ("hung", None)])
def test_what_cannot_be_seen_is_not_called_absent(state: str, seen: bool | None) -> None:
    assert engine(first=f"engine\t{state}\t-\t-").deployed("/apps/kaitu-slave") is seen


@pytest.mark.parametrize(
    "spoilt",
    [
        {**K2V5, "restarts": "0"},
        {**K2V5, "restarts": True},
        {**K2V5, "env": ["SECRET=x"]},
        {name: value for name, value in K2V5.items() if name != "hash"},
    ],
)
def test_a_container_of_another_shape_is_refused(spoilt: dict[str, Any]) -> None:
    with pytest.raises(UnparsableError):
        engine(spoilt)


def test_a_silent_daemon_has_no_containers() -> None:
    with pytest.raises(UnparsableError):
        engine(K2V5, first="engine\thung\t-\t-")


@pytest.mark.parametrize(
    ("first", "known"),
    [
        ("engine\tok\t26.1.5\t2.26.1\t82,1.2.3.4", b"82,1.2.3.4 26.1.5 2.26.1\n"),
        ("engine\tok\t26.1.5\t2.26.1", b""),
        ("engine\tok\t26.1.5\t-\t82,1.2.3.4", b""),
        ("engine\thung\t-\t-", b""),
        ("engine\tok\t26.1.5\t2.26.1\tno word", b""),
        (f"engine\tok\t26.1.5\t2.26.1\t{'1' * 513}", b""),
    ],
)
def test_only_plain_words_are_told_again(first: str, known: bytes) -> None:
    assert engine(first=first).known == known
