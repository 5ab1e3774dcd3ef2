"""The engine's own visits to one lab node, over SSH, without a cluster around them."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from kaitu.api.node import ASPECTS, validate
from kaitu.api.resolve import references
from kaitu.core.desired import NOTHING_ASKED, Desired, Requests
from kaitu.core.errors import KaituError
from kaitu.core.outcome import Outcome
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.core.sections import HealthSpec
from kaitu.engine import schedule
from kaitu.engine.admit import Brake, Claims, Identity
from kaitu.engine.look import manage
from kaitu.engine.slots import Slots
from kaitu.engine.visit import Orders, Visit, visit
from kaitu.remote.ssh import Target, connect
from lab.node import Node
from lab.stack import FOLDER, stack
from lab.wait import until

WHO = Identity("installation", "fleet", "node-1", 1, "process")


@dataclass
class Visitor:
    """Visits a node as the operator does; ``log`` has the text of every step that was done."""

    node: Node
    user: str = "ubuntu"
    adopt: bool = False
    requests: Requests = NOTHING_ASKED
    brake: int = 1
    log: list[str] = field(default_factory=list)

    def visit(self, **sections: Any) -> Visit:
        """One visit, in a session of its own."""
        return asyncio.run(self._visit(sections))

    def settle(self, seconds: float = 180, **sections: Any) -> Visit:
        """Visit until no job runs and no next step is known."""

        def rested() -> Visit | None:
            seen = self.visit(**sections)
            return None if schedule.going_on(seen) else seen

        return until(rested, seconds, f"rest of {self.node.name}", pause=0.7)

    @property
    def target(self) -> Target:
        node = self.node
        key = Secret(node.keys.private)
        return Target(node.address, node.port, self.user, key, (node.host_key,))

    async def _visit(self, sections: dict[str, Any]) -> Visit:
        connection = await connect(self.target, lambda _: None)
        wanted = desired(self.node, sections, self.requests)
        try:
            found = await visit(
                manage(ASPECTS.values(), wanted),
                wanted,
                connection,
                orders(self.adopt, self.brake),
            )
        finally:
            connection.close()
        applied = [step for one in found.outcomes.values() for step in one.applied]
        self.log.extend(step.text for step in applied)
        return found


def desired(node: Node, sections: dict[str, Any], requests: Requests = NOTHING_ASKED) -> Desired:
    """As from a KaituNode with these sections, in a namespace without any Secret or ConfigMap."""
    connection = {
        "host": node.address,
        "port": node.port,
        "user": "ubuntu",
        "privateKeySecretRef": {"name": "key"},
        "hostKeys": [node.host_key],
    }
    spec = validate({"connection": connection, **sections})
    present = {"health": HealthSpec(), **spec.sections}
    gone = {
        one: KaituError(Reason.REFERENCE_NOT_FOUND, f"{one} is gone") for one in references(spec)
    }
    return Desired("fleet", "node-1", present, gone, FOLDER, requests=requests)


def orders(adopt: bool, limit: int) -> Orders:
    async def announce(_: str) -> None:
        """Nobody is told."""

    return Orders(
        identity=WHO,
        claims=Claims(adopt=adopt),
        brake=Brake(("fleet", "node-1"), Slots(lambda: limit)),
        may_write=lambda: True,
        announce=announce,
        superseded=lambda: False,
    )


def release(version: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    """A section compose: one attempt, and a gate that gives up soon."""
    update = {"attempts": 1, "gate": {"timeout": "15s"}, **more}
    return {"version": version, "file": {"inline": text or stack(version)}, "update": update}


def variables(**values: str) -> dict[str, Any]:
    return {"vars": [{"name": name, "value": value} for name, value in values.items()]}


def compose(found: Visit) -> Outcome:
    return found.outcomes["compose"]


def started(node: Node) -> dict[str, str]:
    """When each running container of the stack was started."""
    form = "{{.Name}} {{.State.StartedAt}} {{.State.Running}} {{.RestartCount}}"
    lines = node.run(f"docker ps -aq | xargs -r docker inspect -f '{form}'").splitlines()
    rows = (line.removeprefix("/").split() for line in lines)
    return {name: begun for name, begun, running, _ in rows if running == "true"}


def changed(node: Node, before: dict[str, str]) -> set[str]:
    after = started(node)
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}
