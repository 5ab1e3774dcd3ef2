"""May this step run now? Every writing step asks here first; a "no" is ``Waiting``, no error."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kaitu.core.aspect import Problem
from kaitu.core.facts import HostFacts
from kaitu.core.models import Mode
from kaitu.core.plan import Disrupts, Step
from kaitu.core.reasons import Reason
from kaitu.core.text import MOST_SHOWN, one_line
from kaitu.engine.slots import Node, Slots


@dataclass(frozen=True, slots=True)
class Identity:
    """Who writes: installation id, the node's resource, fence counter and process id."""

    installation: str
    namespace: str
    name: str
    counter: int
    process: str

    @property
    def owner(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def guard(self) -> tuple[str, ...]:
        """The words by which the node's own guard decides."""
        return (self.installation, self.owner, str(self.counter), self.process)


@dataclass(frozen=True, slots=True)
class Claims:
    """On what grounds a node may be taken over."""

    adopt: bool = False  # spec.adopt: a living deployment may be converged
    ids: frozenset[str] = frozenset()  # installations whose record may be replaced


@dataclass(frozen=True, slots=True)
class Brake:
    """The fleet's view of this node's disruptive steps."""

    node: Node
    slots: Slots


Check = Callable[[], Problem | None]


def ownership(identity: Identity, claims: Claims, host: HostFacts) -> Problem | None:
    """Another owner's node is left alone until a person or the policy says otherwise."""
    if host.owner is None or host.owner == (identity.installation, identity.owner):
        return None
    installation, resource = host.owner
    if installation in claims.ids:
        return None
    return Problem(
        Reason.OWNED_BY_ANOTHER,
        f"the node belongs to {resource} of installation {installation}; nothing was changed",
    )


def first_contact(claims: Claims, host: HostFacts, *, deployed: bool | None) -> Problem | None:
    """A living deployment without an owner is only observed until adopted."""
    if host.owner is not None or claims.adopt or deployed is False:
        return None
    if deployed is None:
        return Problem(Reason.UNOBSERVED, "Docker does not answer: cannot tell what runs here")
    return Problem(
        Reason.ADOPTION_REQUIRED,
        "the node runs a deployment that nobody has claimed; nothing was changed",
    )


def observing(mode: Mode) -> Problem | None:
    return Problem(Reason.DRIFT_OBSERVED, "mode Observe") if mode is Mode.OBSERVE else None


def observer(*, frozen: bool) -> Problem | None:
    """Who loses a good part of the fleet at once must doubt what he sees of the rest."""
    text = "many nodes were lost at once, so the operator may be at fault; nothing was changed"
    return Problem(Reason.FLEET_FROZEN, text) if frozen else None


def brake(brake: Brake, plan: Sequence[Step]) -> Problem | None:
    """Take a slot for a disruptive plan; a release that is held on another node is not started.

    What runs here since it was verified is repaired whatever happened to it elsewhere.
    """
    if all(step.disrupts is Disrupts.NOTHING for step in plan):
        return None
    for step in plan:
        if elsewhere := _held_elsewhere(brake, step):
            return Problem(Reason.HELD_ELSEWHERE, f"this release is held on node {elsewhere}")
    return None if brake.slots.take(brake.node) else no_slot(brake)


def no_slot(brake: Brake) -> Problem:
    names = one_line(", ".join(brake.slots.holders(brake.node[0])), MOST_SHOWN)
    text = f"as many nodes as allowed (maxDisrupted) are being changed: {names}"
    return Problem(Reason.WAITING_FOR_SLOT, text)


def _held_elsewhere(brake: Brake, step: Step) -> str | None:
    return brake.slots.held_elsewhere(brake.node, step.release) if step.release else None


def at_once(brake: Brake, plan: Sequence[Step]) -> bool:
    """Whether the brake would let the plan through now; who asks does not stand in line."""
    room = brake.slots.has(brake.node) or brake.slots.spare(brake.node[0])
    return room and not any(_held_elsewhere(brake, step) for step in plan)


def first(*checks: Check) -> Problem | None:
    """The first objection, asked in order: later checks have effects and must not run early."""
    return next((problem for check in checks if (problem := check())), None)
