"""Drift, told from edits: what differs although the spec is the one that was applied. Pure."""

from collections.abc import Iterator

from kaitu.core.outcome import Outcome
from kaitu.core.plan import Plan
from kaitu.engine.report import Subject
from kaitu.engine.visit import Visit


def detected(subject: Subject, visit: Visit) -> dict[str, int]:
    """How many things of each aspect this visit is the first to find changed by somebody else."""
    known = {(one["aspect"], one["item"]) for one in subject.status.get("drift", ())}
    return {
        outcome.name: sum((outcome.name, item) not in known for item in _items(outcome.drift))
        for outcome in _settled(subject, visit)
        if outcome.applied or not outcome.busy  # while a job runs its cause is not found anew
    }


def corrected(subject: Subject, visit: Visit) -> dict[str, int]:
    """How many things of each aspect were changed back in this visit, or begun to be."""
    return {one.name: len(_items(one.applied)) for one in _settled(subject, visit)}


def _settled(subject: Subject, visit: Visit) -> Iterator[Outcome]:
    """The outcomes, where nothing was edited since all was as wanted."""
    if subject.status.get("revision", {}).get("applied") == subject.revision:
        yield from visit.outcomes.values()


def _items(plan: Plan) -> set[str]:
    """A step without an item looks for something only; one that names a release brings it."""
    return {step.item for step in plan if step.item and not step.release}
