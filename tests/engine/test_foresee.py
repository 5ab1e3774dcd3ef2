"""When the engine looks ahead: for a plan that is shown, and never for one that is carried out."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from engine.test_visit import RUNNING, outcome, run
from engine.toy import Machine, Number, aspect, desired
from kaitu.core.aspect import Foresight
from kaitu.core.command import Command
from kaitu.core.models import Mode
from kaitu.core.plan import Action, Touched
from kaitu.core.reasons import Reason
from kaitu.engine import report
from kaitu.engine.report import Subject, events
from kaitu.engine.verdicts import of_visit

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOLD = (Touched("k2v5", Action.RECREATED),)


def seeing(ask=lambda *_: Command("foresee")):
    """The toy aspect, with a command by which it finds out what its step would do."""

    def tell(want, facts, plan, answers):
        assert bool(answers) == bool(ask())
        return tuple(replace(step, services=TOLD) for step in plan)

    return replace(aspect(), foresight=Foresight(ask, tell))


def observed(machine, one, **allowed):
    return run(machine, one, want=desired(number=Number(mode=Mode.OBSERVE)), **allowed)


def test_a_plan_that_is_shown_tells_what_it_would_do():
    machine = Machine()

    found = observed(machine, seeing())

    assert [command.script for command in machine.reads] == ["foresee"]
    assert machine.wrote == []
    assert [step.services for step in outcome(found).left] == [TOLD]


@pytest.mark.parametrize("have", [0, 1], ids=["carried out", "in order"])
def test_nobody_looks_ahead_of_what_is_not_shown(have):
    machine = Machine({"number": have})

    run(machine, seeing())

    assert machine.reads == []


def test_a_node_that_waits_for_adoption_shows_it_too():
    machine = Machine(owner="-", docker=f"engine\tok\t26.1.5\t2.26.1\n{RUNNING}")

    found = run(machine, seeing())

    assert outcome(found).reason is Reason.ADOPTION_REQUIRED
    assert [step.services for step in outcome(found).left] == [TOLD]


def test_what_need_not_be_asked_is_told_without_a_look():
    machine = Machine()

    found = observed(machine, seeing(ask=lambda *_: None))

    assert machine.reads == []
    assert [step.services for step in outcome(found).left] == [TOLD]


def test_a_look_ahead_that_fails_is_said_and_costs_nothing_else():
    found = observed(Machine(fails=Reason.TOOL_MISSING), seeing())

    assert outcome(found).reason is Reason.DRIFT_OBSERVED
    assert "cannot be told: the connection broke" in outcome(found).message
    assert [step.services for step in outcome(found).left] == [None]


def test_a_plan_is_an_event_once():
    found = observed(Machine(), seeing())
    findings = of_visit(found, flapping=False)

    def planned(status):
        told = events(Subject(1, status), found, findings)
        return [one.note for one in told if one.reason == "Planned"]

    status = report.of_visit(Subject(1, {}), found, findings, NOW, {})
    assert planned({}) == ["set number: 0 -> 1 (k2v5 recreated)"]
    assert status["plan"]["steps"][0]["services"] == [{"name": "k2v5", "action": "recreated"}]
    assert planned(status) == []


def test_a_node_that_does_not_answer_in_time_costs_the_prediction_alone():
    found = observed(Machine(silent=True), seeing(), left=0.1)

    one = outcome(found)
    assert one.reason is Reason.DRIFT_OBSERVED
    assert [step.services for step in one.left] == [None]
    assert "the node did not answer in time" in one.message
