"""How often a node is visited, and what the end of it counts: the engine's verdicts, in codes."""

import asyncio
import io
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from engine.toy import Machine, Number, aspect, desired, orders
from kaitu.cli import verdict
from kaitu.cli.run import ATTEMPTS, Pauses
from kaitu.cli.show import Progress, as_json, lines
from kaitu.cli.verdict import DIFFERS, IN_SYNC, TROUBLE, Told
from kaitu.core.aspect import Problem
from kaitu.core.errors import KaituError
from kaitu.core.models import Mode
from kaitu.core.outcome import Outcome, State
from kaitu.core.plan import Disrupts
from kaitu.core.reasons import Reason
from kaitu.engine.look import manage
from kaitu.engine.schedule import Pace
from kaitu.engine.visit import Visit, visit

KEY = ("default", "n1")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def seen(machine: Machine, *aspects: Any, mode: Mode = Mode.ENFORCE, **allowed: Any) -> Visit:
    want = replace(desired(number=Number()), mode=mode)
    ones = manage(aspects or (aspect(),), want)
    return asyncio.run(visit(ones, want, machine, orders(**allowed)))


def told(found: Visit, stop: Problem | None = None) -> Told:
    return verdict.of_visit(KEY, found, NOW, {}, stop)


def shown(one: Told) -> str:
    return "\n".join(line.plain for line in lines(one))


def pauses() -> Pauses:
    prepared: Any = SimpleNamespace(pace=Pace(60, 60, 1))
    return Pauses(prepared, chance=lambda: 1.0)


def test_a_node_in_order_is_in_sync() -> None:
    found = seen(Machine({"number": 1}))
    assert (told(found).code, shown(told(found))) == (IN_SYNC, "n1: in sync")
    assert pauses().after(found) is None


def test_what_differs_is_a_difference_with_what_it_disrupts() -> None:
    found = seen(Machine(), aspect(disrupts=Disrupts.SERVICES), mode=Mode.OBSERVE)
    assert told(found).code == DIFFERS
    assert (
        shown(told(found)) == "n1: differs\n  number   set number: 0 -> 1 (disrupts the services)"
    )


def test_services_that_a_step_touches_are_named() -> None:
    touched = [{"name": "k2v5", "action": "recreated"}]
    step = {"aspect": "compose", "text": "go", "disrupts": "services", "services": touched}
    one = Told(KEY, DIFFERS, {"plan": {"steps": [step]}, "conditions": []})
    assert "(disrupts the services: k2v5 recreated)" in shown(one)


def test_a_failure_is_trouble_and_says_what_to_do() -> None:
    found = seen(Machine(codes={"put_file": "ENOSPC"}))
    assert told(found).code == TROUBLE
    assert "NoSpace: no space is left; the old file is intact" in shown(told(found))
    assert "Free space on the node." in shown(told(found))


def test_a_problem_that_drift_hides_is_told_too() -> None:
    problem = Problem(Reason.KEY_UNKNOWN, "the kernel lacks x")
    one = told(seen(Machine(), aspect(problem=problem), mode=Mode.OBSERVE))
    assert "KeyUnknown: the kernel lacks x" in shown(one)
    assert '"reason": "KeyUnknown"' in as_json([one])


@pytest.mark.parametrize(
    ("reason", "code"),
    [(Reason.OWNED_BY_ANOTHER, TROUBLE), (Reason.ADOPTION_REQUIRED, DIFFERS)],
)
def test_what_would_forbid_an_apply_counts_in_a_plan(reason: Reason, code: int) -> None:
    one = told(seen(Machine({"number": 1})), Problem(reason, "so it is"))
    assert one.code == code
    assert f"owner    {reason}: so it is" in shown(one)


def test_a_sick_service_on_a_node_as_wanted_is_told_and_is_no_difference() -> None:
    found = seen(Machine({"number": 1}))
    sick = Outcome("health", State.FAILED, Reason.UNHEALTHY, "k2v5")
    one = told(replace(found, outcomes={**found.outcomes, "health": sick}, managed=()))
    assert one.code == IN_SYNC
    assert "ServiceUnhealthy: k2v5" in shown(one)


def test_a_node_that_was_not_reached() -> None:
    one = verdict.of_failure(KEY, KaituError(Reason.DIAL_REFUSED, "10.0.0.1 port 22: no"), NOW)
    assert one.code == TROUBLE
    assert shown(one).splitlines()[1].split(maxsplit=1)[1] == "DialRefused: 10.0.0.1 port 22: no"


def test_text_of_a_node_is_never_markup() -> None:
    error = KaituError(Reason.DIAL_REFUSED, "[red]x[/red] :smile:")
    out = io.StringIO()
    console = Console(file=out, markup=False, emoji=False, soft_wrap=True)
    Progress(console).result(verdict.of_failure(KEY, error, NOW))
    assert "[red]x[/red] :smile:" in out.getvalue()


def test_while_there_is_work_the_node_is_polled() -> None:
    found = seen(Machine({"number": 1}))
    busy = replace(found.outcomes["number"], reason=Reason.RECONCILING)
    working = replace(found, outcomes={"number": busy})
    pause = pauses()
    delays = [pause.after(working) for _ in range(40)]
    assert delays == sorted(delays, key=lambda d: d or 0)
    assert delays[-1] == 5


@pytest.mark.parametrize("reason", [Reason.NODE_BUSY, Reason.CONFLICT])
def test_what_passes_by_itself_is_tried_again_a_few_times(reason: Reason) -> None:
    code = {Reason.NODE_BUSY: "EBUSY", Reason.CONFLICT: "ECONFLICT"}[reason]
    pause, found = pauses(), seen(Machine(codes={"put_file": code}))
    delays = [pause.after(found) for _ in range(ATTEMPTS + 1)]
    assert None not in delays[:-1]
    assert delays[-1] is None


@pytest.mark.parametrize("code", ["EFENCED", "EOWNER", "EFOREIGN", "ENOSPC"])
def test_what_needs_a_person_is_not_waited_for(code: str) -> None:
    assert pauses().after(seen(Machine(codes={"put_file": code}))) is None


def test_a_connection_that_breaks_is_made_anew_and_a_dead_node_is_not_awaited() -> None:
    assert pauses().after_failure(KaituError(Reason.CONNECTION_LOST, "")) == 1
    assert pauses().after_failure(KaituError(Reason.DIAL_TIMEOUT, "")) is None
    assert pauses().after_failure(KaituError(Reason.HOST_KEY_CHANGED, "")) is None


def test_a_node_that_a_job_runs_on_may_be_rebooting() -> None:
    found = seen(Machine({"number": 1}))
    busy = replace(found.outcomes["number"], busy=True)
    pause = pauses()
    pause.after(replace(found, outcomes={"number": busy}))
    assert pause.after_failure(KaituError(Reason.DIAL_REFUSED, "")) is not None


def test_without_a_terminal_each_change_is_a_line() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out))
    with progress.about("n1"):
        for text in ("pull", "pull", "up"):
            progress.now(text)
    assert out.getvalue() == "n1: pull\nn1: up\n"


def test_on_a_terminal_one_line_changes() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, force_terminal=True, width=60))
    with progress.about("n1"):
        progress.now("pull")
        progress.now("up")
    assert "\x1b[2K" in out.getvalue(), "nothing was ever erased"
    assert "n1: up" in out.getvalue()
