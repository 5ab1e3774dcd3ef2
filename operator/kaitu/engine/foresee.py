"""Looking ahead: what a plan would do that is shown, because it may not be carried out now."""

import asyncio
from dataclasses import replace
from typing import Final

from kaitu.core.errors import KaituError
from kaitu.core.outcome import Outcome, State
from kaitu.core.transport import Transport
from kaitu.engine.look import Managed, Sight

SHOWN: Final = frozenset({State.OBSERVED, State.WAITING})
"""States in which the plan is shown to people."""


async def foresee(
    managed: Managed, sight: Sight, outcome: Outcome, transport: Transport, seconds: float
) -> Outcome:
    """The outcome with all that can be told of its plan; at most one more look at the node, and
    ``seconds``: what was seen already must not be lost over it.
    """
    ahead = managed.aspect.foresight
    if ahead is None or outcome.state not in SHOWN or not outcome.left or outcome.busy:
        return outcome
    facts = sight.facts[managed.name]
    command = ahead.ask(managed.want, facts, outcome.left)
    try:
        async with asyncio.timeout(seconds):
            answers = await transport.read(command) if command else {}
        return replace(outcome, left=ahead.tell(managed.want, facts, outcome.left, answers))
    except TimeoutError:
        return _untold(outcome, "the node did not answer in time")
    except KaituError as error:
        return _untold(outcome, error.message)


def _untold(outcome: Outcome, why: str) -> Outcome:
    untold = f"which services it would touch cannot be told: {why}"
    return replace(outcome, message="; ".join(filter(None, (outcome.message, untold))))
