"""What is finished on a node although a section of its spec cannot be resolved."""

from dataclasses import replace
from typing import Any

import pytest

from engine.test_visit import outcome, run
from engine.toy import Machine, Number, aspect, desired
from kaitu.core.aspect import Aspect
from kaitu.core.models import Mode
from kaitu.core.reasons import Reason


def unresolved(**remains: Any) -> Aspect[Any, Any, Any]:
    return replace(aspect(refused=True), remains=aspect(**remains))


def test_what_was_begun_is_finished_without_what_the_spec_names():
    machine = Machine()

    result = run(machine, unresolved(finishes=True))

    assert machine.scripts == ["put_file"]
    assert outcome(result).reason is Reason.REFERENCE_NOT_FOUND
    assert [step.item for step in outcome(result).applied] == ["number"]


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.ENFORCE])
def test_nothing_else_is_done_without_it(mode: Mode):
    machine = Machine()

    want = desired(number=Number(mode=mode))
    result = run(machine, unresolved(finishes=mode is Mode.OBSERVE), want=want)

    assert not machine.wrote
    assert outcome(result).reason is Reason.REFERENCE_NOT_FOUND


def test_what_was_begun_does_not_wait_for_a_section_that_cannot_be_resolved():
    machine = Machine({"number": 1, "other": 0})
    first = aspect("number", refused=True)
    second = aspect("other", reads=("number",), finishes=True)

    run(machine, first, second, want=desired(number=Number(), other=Number()))

    assert machine.numbers["other"] == 1
