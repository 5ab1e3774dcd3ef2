"""What a restore must bring back, and the moments at which a release can be cut off."""

from dataclasses import dataclass
from typing import Any

from integration.visits import Visitor, compose, release, variables
from kaitu.core.outcome import State
from kaitu.core.reasons import Reason
from kaitu.engine.visit import Visit
from lab.node import Node
from lab.stack import FOLDER, stack
from lab.wait import until

ENV = variables(K2OC_PORT="10001", K2_LOG_LEVEL="info")
STATE = "/var/lib/kaitu-operator"
LIVING = "{{.Name}} {{.State.StartedAt}} {{.State.Status}} {{.Config.Image}} {{.Image}}"
JOB = f"flock -n {STATE}/job.lock true || cat {STATE}/job/state 2>/dev/null"
KILL = f"pkill -9 -f '{STATE}/job/script job'; pkill -9 -f 'compose -p'"
Living = dict[str, list[str]]


@dataclass(frozen=True)
class Sight:
    """What a restore must bring back to the byte, and what it must not touch."""

    files: tuple[str, str]
    living: Living
    kept: frozenset[str]

    @classmethod
    def of(cls, node: Node) -> "Sight":
        files = node.read(f"{FOLDER}/docker-compose.yml"), node.read(f"{FOLDER}/.env")
        kept = frozenset(
            node.run("docker network ls -q --filter type=custom; docker volume ls -q").split()
        )
        return cls(files, living(node), kept)

    @property
    def images(self) -> dict[str, str]:
        return {name: image for name, (*_, image) in self.living.items()}

    def assert_back(self, node: Node, *, touched: set[str]) -> None:
        now = Sight.of(node)
        assert (now.files, now.images) == (self.files, self.images)
        assert now.kept >= self.kept, "a network or a volume was removed"
        assert {state for _, state, *_ in now.living.values()} == {"running"}
        assert {n for n in self.living if self.living[n][0] != now.living[n][0]} == touched


def sick(name: str, **update: Any) -> dict[str, Any]:
    """A release of its own for each test: what failed once stays held."""
    return release(name, stack("v3-sick") + f"# {name}\n", **update)


def living(node: Node) -> Living:
    """Name of each container to when it started, its state, its tag and the image by content."""
    lines = node.run(f"docker ps -aq | xargs -r docker inspect -f '{LIVING}'").splitlines()
    return {name.lstrip("/"): rest for name, *rest in map(str.split, lines)}


def assert_held(found: Visit, reason: Reason, text: str) -> str:
    """What is held, by name; the message says both what failed and what became of it."""
    one = compose(found)
    assert (one.state, one.reason) == (State.FAILED, reason), one
    assert text in one.message
    return str(one.report["held"])


def until_phase(visitor: Visitor, phase: str, **sections: Any) -> None:
    """Visit until a job is in this phase; from then on nobody visits."""

    def there() -> bool:
        state = visitor.node.run(f"{JOB} || :").split()
        if state[2:] == [phase]:
            return True
        if not state:
            visitor.visit(**sections)
        return False

    until(there, 120, f"phase {phase}")


def idle(node: Node) -> None:
    until(lambda: not node.run(f"{JOB} || :").split(), 120, "end of the job")
