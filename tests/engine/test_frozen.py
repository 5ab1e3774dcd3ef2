"""Nothing is written to any node while the observer is in doubt; it is looked at all the same."""

import asyncio

import pytest

from engine.toy import Machine, Number, aspect, desired, orders
from kaitu.core.outcome import State
from kaitu.core.plan import Disrupts
from kaitu.core.reasons import Condition, Reason, Verdict
from kaitu.engine import verdicts
from kaitu.engine.look import manage
from kaitu.engine.report import Subject, events
from kaitu.engine.slots import Slots
from kaitu.engine.visit import Visit, visit


def run(machine: Machine, *aspects, want=None, **allowed) -> Visit:
    want = want or desired()
    return asyncio.run(visit(manage(aspects, want), want, machine, orders(**allowed)))


@pytest.mark.parametrize("owner", ["inst\tdefault/n1", "-"])
@pytest.mark.parametrize("disrupts", [Disrupts.NOTHING, Disrupts.SERVICES])
def test_what_differs_waits_with_its_plan_and_takes_no_slot(owner, disrupts):
    machine, slots = Machine(owner=owner), Slots(lambda: 1)

    result = run(machine, aspect(disrupts=disrupts), slots=slots, frozen=lambda: True)

    found = result.outcomes["number"]
    assert (found.state, found.reason) == (State.WAITING, Reason.FLEET_FROZEN)
    assert [step.text for step in found.left] == ["set number: 0 -> 1"]
    assert (machine.wrote, slots.taken) == ([], 0)


def test_a_node_of_ours_in_order_is_in_sync():
    result = run(Machine({"number": 1}), aspect(), frozen=lambda: True)

    assert result.outcomes["number"].reason is Reason.IN_SYNC


def test_a_freeze_in_the_middle_of_a_visit_stops_it_before_the_next_step():
    machine = Machine({"a": 0, "b": 0})
    want = desired(a=Number(), b=Number())

    result = run(machine, aspect("a"), aspect("b"), want=want, frozen=lambda: machine.wrote != [])

    assert [one.reason for one in result.outcomes.values()] == [
        Reason.APPLIED,
        Reason.FLEET_FROZEN,
    ]


def test_the_operator_says_it_and_not_each_node():
    findings = verdicts.of_visit(
        run(Machine(), aspect(), frozen=lambda: True), flapping=False, disrupting=False
    )
    good = [
        {"type": str(kind), "status": "True", "reason": str(reason)}
        for kind, reason in verdicts.GOOD.items()
    ]

    assert findings[Condition.IN_SYNC].verdict is Verdict.FALSE
    assert events(Subject(1, {"conditions": good}), None, findings) == []
