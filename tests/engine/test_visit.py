import asyncio

import pytest

from engine.toy import Machine, Number, aspect, desired, orders
from kaitu.core.aspect import Problem
from kaitu.core.models import Mode
from kaitu.core.outcome import State
from kaitu.core.plan import Disrupts
from kaitu.core.reasons import Condition, Reason
from kaitu.engine import verdicts
from kaitu.engine.look import manage
from kaitu.engine.slots import Slots
from kaitu.engine.visit import Visit, visit

RUNNING = (
    '{"id":"1","name":"/k2v5","image":"i","imageID":"d","state":"running","health":"",'
    '"restarts":0,"startedAt":"2026-01-01T00:00:00Z","finishedAt":"0001-01-01T00:00:00Z",'
    '"exitCode":0,"oom":false,"project":"kaitu-slave","service":"k2v5",'
    '"dir":"/apps/kaitu-slave","hash":"h"}\n'
)


def run(machine: Machine, *aspects, want=None, **allowed) -> Visit:
    want = want or desired()
    ones = manage(aspects or (aspect(),), want)
    return asyncio.run(visit(ones, want, machine, orders(**allowed)))


def outcome(result: Visit, name: str = "number"):
    return result.outcomes[name]


def test_a_node_in_order_is_probed_once_and_nothing_is_written():
    machine = Machine({"number": 1})

    result = run(machine)

    assert (machine.probes, machine.wrote) == (1, [])
    assert (outcome(result).state, outcome(result).reason) == (State.IN_SYNC, Reason.IN_SYNC)


def test_what_docker_said_of_itself_is_told_with_the_next_question():
    machine = Machine({"number": 1}, docker="engine\tok\t26.1.5\t2.26.1\t82,92.1.2.3\n")
    run(machine)
    assert b"82," not in machine.told

    run(machine)

    assert machine.told.endswith(b"\n82,92.1.2.3 26.1.5 2.26.1\n")


def test_what_differs_is_changed_and_looked_at_again():
    machine = Machine()

    result = run(machine)

    assert (machine.probes, machine.scripts) == (2, ["put_file"])
    assert outcome(result).reason is Reason.APPLIED
    assert outcome(result).drift[0].text == "set number: 0 -> 1"


def test_a_step_that_does_not_stay_is_not_converged():
    assert outcome(run(Machine(stubborn=True))).reason is Reason.NOT_CONVERGED


@pytest.mark.parametrize(
    ("section", "mode"),
    [(Number(mode=Mode.OBSERVE), Mode.ENFORCE), (Number(), Mode.OBSERVE)],
    ids=["section", "node"],
)
def test_observe_writes_nothing_at_all_and_shows_its_plan(section, mode):
    machine = Machine(owner="-")
    want = desired(number=section)
    want = type(want)("default", "n1", {"number": section}, {}, mode=mode)

    result = run(machine, want=want)

    assert machine.wrote == []
    assert (outcome(result).state, outcome(result).reason) == (
        State.OBSERVED,
        Reason.DRIFT_OBSERVED,
    )
    assert [step.text for step in outcome(result).left] == ["set number: 0 -> 1"]


def test_an_unowned_node_is_claimed_before_the_first_write():
    machine = Machine(owner="-")

    run(machine)

    assert machine.scripts == ["claim", "put_file"]


def test_an_unowned_node_in_order_is_claimed_too():
    machine = Machine({"number": 1}, owner="-", docker="engine\tok\t26\t2\n" + RUNNING)

    result = run(machine)

    assert machine.scripts == ["claim"]
    assert result.sight.host.owner == ("inst", "default/n1"), "seen before it was ours"


def test_a_living_deployment_without_owner_is_only_observed_until_adopted():
    machine = Machine(owner="-", docker="engine\tok\t26.1.5\t2.26.1\n" + RUNNING)

    waiting = run(machine)
    assert machine.wrote == []
    assert (outcome(waiting).state, outcome(waiting).reason) == (
        State.WAITING,
        Reason.ADOPTION_REQUIRED,
    )

    assert outcome(run(machine, adopt=True)).reason is Reason.APPLIED


@pytest.mark.parametrize("owner", ["other\tdefault/n1", "inst\tdefault/n2"])
def test_a_node_of_another_owner_is_left_alone_until_its_id_is_named(owner):
    machine = Machine(owner=owner)

    assert outcome(run(machine)).reason is Reason.OWNED_BY_ANOTHER
    assert machine.wrote == []

    run(machine, ids=frozenset({owner.split("\t")[0]}))
    assert machine.scripts == ["claim", "put_file"]


def test_another_owner_is_said_also_when_nothing_differs():
    machine = Machine({"number": 1}, owner="other\tdefault/n1")

    assert outcome(run(machine)).reason is Reason.OWNED_BY_ANOTHER


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        ("EWRITE", State.FAILED, Reason.WRITE_FAILED),
        ("EBUSY", State.FAILED, Reason.NODE_BUSY),
        ("EOWNER", State.FAILED, Reason.OWNED_BY_ANOTHER),
    ],
)
def test_a_claim_that_failed_is_said_also_when_nothing_differs(code, state, reason):
    machine = Machine({"number": 1}, owner="-", codes={"claim": code})

    result = run(machine)

    assert (outcome(result).state, outcome(result).reason) == (state, reason)
    assert verdicts.of_visit(result, flapping=False)[Condition.IN_SYNC].reason is reason
    observed = desired(number=Number(mode=Mode.OBSERVE))
    assert outcome(run(machine, want=observed)).reason is Reason.OBSERVED


@pytest.mark.parametrize("docker", ["engine\thung\t-\t-\n", "engine\tok\t26\t2\n" + RUNNING])
def test_what_cannot_be_seen_or_resolved_is_no_agreement_and_claims_nothing(docker):
    unseen = Problem(Reason.UNOBSERVED, "Docker is hung")
    machine = Machine({"number": 1}, owner="-", docker=docker)

    run(machine, aspect(problem=unseen))
    both = desired(number=Number(), gone=Number())
    run(machine, aspect(), aspect("gone", refused=True), want=both)

    assert machine.wrote == []


def test_a_hung_docker_forbids_first_contact():
    machine = Machine(owner="-", docker="engine\thung\t-\t-\n")

    assert outcome(run(machine)).state is State.UNKNOWN
    assert machine.wrote == []


@pytest.mark.parametrize("disrupts", [Disrupts.HOST, Disrupts.SERVICES])
def test_disruptive_steps_wait_for_a_slot_and_others_do_not(disrupts):
    slots = Slots(lambda: 1)
    slots.take(("default", "n2"))
    machine = Machine()

    waiting = run(machine, aspect(disrupts=disrupts), slots=slots)
    assert (outcome(waiting).state, outcome(waiting).reason) == (
        State.WAITING,
        Reason.WAITING_FOR_SLOT,
    )
    assert outcome(waiting).message.endswith("are being changed: n2")
    assert machine.wrote == []

    assert outcome(run(machine, slots=slots)).reason is Reason.APPLIED


def test_a_release_held_elsewhere_is_not_started_but_what_runs_is_repaired():
    slots = Slots(lambda: 1)
    slots.hold(("default", "n2"), "r1")
    machine = Machine()

    held = run(machine, aspect(disrupts=Disrupts.SERVICES, release="r1"), slots=slots)
    assert outcome(held).reason is Reason.HELD_ELSEWHERE
    assert outcome(held).message == "this release is held on node n2"
    assert machine.wrote == []

    repaired = run(machine, aspect(disrupts=Disrupts.SERVICES), slots=slots)
    assert outcome(repaired).reason is Reason.APPLIED


def test_what_may_be_done_at_once_is_where_a_slot_is_free_and_nobody_waits_for_it():
    slots = Slots(lambda: 1)

    def done() -> str:
        drifted = run(Machine(), aspect(whole=True, release="r1"), slots=slots)
        return str(outcome(drifted).applied[0].text)

    slots.take(("default", "n2"))
    assert done() == "set number: 0 -> 1", "n2 has the slot"
    assert slots.next("default") == [], "only who is refused a slot stands in line"
    slots.free(("default", "n2"))
    slots.wait(("default", "n3"))
    assert done() == "set number: 0 -> 1", "n3 was there before"
    slots.leave(("default", "n3"))
    slots.hold(("default", "n2"), "r1")
    assert done() == "set number: 0 -> 1", "held elsewhere"
    slots.hold(("default", "n2"), None)
    assert done() == "all of number"
    assert slots.has(("default", "n1"))


@pytest.mark.parametrize("reason", [Reason.OUTCOME_UNKNOWN, Reason.NODE_BUSY])
def test_a_step_of_which_nobody_knows_leaves_the_node_unsettled(reason):
    assert run(Machine(fails=reason)).unsettled
    assert not run(Machine()).unsettled


def test_a_hold_stays_as_it_was_while_compose_cannot_be_judged():
    want = desired(compose=Number())

    assert run(Machine(), aspect("compose", refused=True), want=want).held("r1") == "r1"
    assert run(Machine(), aspect("compose"), want=want).held("r1") is None


def test_disruptive_work_does_not_start_when_the_api_did_not_take_its_announcement():
    machine = Machine()

    result = run(machine, aspect(disrupts=Disrupts.HOST), announced=False)

    assert outcome(result).reason is Reason.WAITING_FOR_API
    assert machine.wrote == []


def test_a_process_that_no_longer_leads_writes_nothing():
    machine = Machine()

    assert outcome(run(machine, leads=False)).reason is Reason.FENCED
    assert machine.wrote == []


def test_a_newer_spec_stops_the_visit_before_its_next_step():
    machine = Machine()

    result = run(machine, superseded=True)

    assert result.interrupted
    assert machine.wrote == []


def test_a_failure_ends_its_own_aspect_and_those_that_read_it():
    machine = Machine({"a": 0, "b": 0, "c": 0}, codes={})
    machine.codes["put_file"] = "ENOSPC"
    want = desired(a=Number(), b=Number(), c=Number(number=0))

    result = run(machine, aspect("b", reads=("a",)), aspect("a"), aspect("c"), want=want)

    reasons = {name: one.reason for name, one in result.outcomes.items()}
    assert reasons == {
        "a": Reason.NO_SPACE,
        "b": Reason.DEPENDENCY_NOT_READY,
        "c": Reason.IN_SYNC,
    }


def test_a_problem_is_said_after_everything_that_can_be_mended_was():
    broken = Problem(Reason.CRON_DOWN, "cron does not run")

    result = run(Machine(), aspect(problem=broken))

    assert (outcome(result).state, outcome(result).reason) == (State.FAILED, Reason.CRON_DOWN)
    assert len(outcome(result).applied) == 1
