"""What Docker says: the state of its daemon, and the containers; and how status shows them."""

import json
import re
from dataclasses import dataclass
from posixpath import basename
from typing import Any, Final

from kaitu.core.aspect import Answer, Problem, remembered, rows
from kaitu.core.errors import UnparsableError
from kaitu.core.reasons import Reason
from kaitu.core.text import one_line

STATES: Final = frozenset({"missing", "down", "hung", "ok"})
_WORD: Final = re.compile(r"[A-Za-z0-9.,+~_-]{1,512}")
_FIELDS: Final[dict[str, type]] = {
    "id": str,
    "name": str,
    "image": str,
    "imageID": str,
    "state": str,
    "health": str,
    "restarts": int,
    "startedAt": str,
    "finishedAt": str,
    "exitCode": int,
    "oom": bool,
    "project": str,
    "service": str,
    "dir": str,
    "hash": str,
}


@dataclass(frozen=True, slots=True)
class Container:
    """One container; the last four are labels of compose, empty where it was not compose."""

    id: str
    name: str
    image: str
    image_id: str
    state: str
    health: str
    restarts: int
    started_at: str
    finished_at: str
    exit_code: int
    oom: bool
    project: str
    service: str
    directory: str
    config_hash: str

    @property
    def stopped(self) -> bool:
        """Whether it stays as it is until somebody starts it."""
        return self.state in {"created", "exited", "dead"}


@dataclass(frozen=True, slots=True)
class Engine:
    """Docker on one node. ``state`` is one of ``STATES``; versions are empty when not known.

    ``mark`` stands for the files of command, plugin and daemon: while it is the same, so are they.
    The containers are in the order of their names, which is the same whoever lists them.
    """

    state: str
    version: str = ""
    compose: str = ""
    containers: tuple[Container, ...] = ()
    mark: str = ""

    @property
    def known(self) -> bytes:
        """What the next question tells the node, so that it need not ask for versions again."""
        words = (self.mark, self.version, self.compose)
        return f"{' '.join(words)}\n".encode() if all(map(_WORD.fullmatch, words)) else b""

    @property
    def plugin(self) -> tuple[int, ...]:
        """The version of the compose plugin, such as (2, 26, 1); empty where there is none."""
        found = re.match(r"[0-9]+(\.[0-9]+)*", self.compose)
        return tuple(int(part) for part in found[0].split(".")) if found else ()

    def deployed(self, directory: str) -> bool | None:
        """Whether something of this deployment exists, running or not; None: cannot be seen."""
        if self.state in {"hung", "down"}:
            return None
        return bool(self.of(directory))

    def of(self, directory: str) -> tuple[Container, ...]:
        """The containers that compose made from this directory, or for a project of its name."""
        names = {basename(directory)}
        return tuple(c for c in self.containers if c.directory == directory or c.project in names)


@remembered
def parse_docker(answer: Answer) -> Engine:
    """What ``probe_docker.sh`` printed; raises ``UnparsableError`` where it is not as it says."""
    match rows({"docker": answer}, "docker"):
        case [["engine", state, version, compose, *mark], *found] if (
            state in STATES and not mark[1:]
        ):
            seen = (_container("\t".join(line)) for line in found)
            containers = tuple(sorted(seen, key=lambda one: one.name))
            if containers and state != "ok":
                raise UnparsableError(f"docker is {state} and yet has containers")
            return Engine(state, _known(version), _known(compose), containers, *mark)
    raise UnparsableError("docker does not start with the state of its daemon")


def _known(version: str) -> str:
    return "" if version == "-" else one_line(version)


def _container(line: str) -> Container:
    try:
        found = json.loads(line)
    except ValueError:
        raise UnparsableError("a container is no JSON") from None
    if not isinstance(found, dict) or found.keys() != _FIELDS.keys():
        raise UnparsableError("a container has other fields")
    return Container(*(_value(found, name) for name in _FIELDS))


def _value(found: dict[str, Any], name: str) -> Any:
    value, kind = found[name], _FIELDS[name]
    if type(value) is not kind:
        raise UnparsableError(f"{name} of a container is no {kind.__name__}")
    if not isinstance(value, str):
        return value
    return one_line(value.removeprefix("/") if name == "name" else value, 512)


def shown(container: Container) -> dict[str, Any]:
    """One service as it runs, as status has it."""
    about = {
        "name": container.service,
        "image": container.image,
        "imageID": container.image_id,
        "state": container.state,
        "health": container.health,
        "restarts": container.restarts,
        "startedAt": "" if container.started_at.startswith("0001-") else container.started_at,
    }
    return {key: value for key, value in about.items() if value != ""}


def architecture(containers: tuple[Container, ...]) -> str:
    """The generation of the stack, told by what runs."""
    running = {one.service for one in containers if one.state == "running"}
    return next((name for name in ("k2v5", "k2-slave") if name in running), "Unknown")


def unusable(engine: Engine, oldest: tuple[int, ...]) -> Problem | None:
    """Why nothing can be deployed with this Docker; ``oldest`` is the lowest plugin taken."""
    if engine.state == "missing":
        return Problem(Reason.DOCKER_MISSING, "the node has no docker command")
    if engine.state != "ok":
        return Problem(Reason.UNOBSERVED, f"Docker is {engine.state}: what runs cannot be seen")
    if engine.plugin < oldest:
        least = ".".join(map(str, oldest))
        text = f"compose plugin {engine.compose or 'missing'}, at least {least} is needed"
        return Problem(Reason.COMPOSE_UNSUPPORTED, text)
    return None
