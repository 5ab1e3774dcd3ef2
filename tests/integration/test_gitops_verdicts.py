"""What Flux and Argo CD think of a KaituNode in each state: a broken one is never in order."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import states
from kaitu.core.reasons import Reason
from kaitu.engine.verdicts import LAYERS
from lab.judges import Verdict, judge
from specs import ROOT

TABLE = yaml.safe_load((Path(__file__).parent / "gitops" / "verdicts.yaml").read_text())
CUSTOM = ROOT / "manifests/argocd/resource_customizations/fleet.kaitu.io/KaituNode"
SCRIPT = (CUSTOM / "health.lua").read_text()
NODES = ROOT / "examples" / "gitops-flux" / "clusters" / "production" / "nodes.yaml"
GOOD = {"Current", "Healthy"}
BOTH = (False, True)


def expressions() -> dict[str, str]:
    """Those of the example for Flux."""
    found = [one["spec"].get("healthCheckExprs") for one in yaml.safe_load_all(NODES.read_text())]
    return {key: next(filter(None, found))[0][key] for key in ("current", "failed")}


def judged(*objects: states.Object, script: str = SCRIPT) -> list[Verdict]:
    return judge(objects, script, expressions())


def test_the_table_has_every_reason_and_every_state():
    assert list(TABLE["unseen"]) == [str(reason) for reason in states.UNSEEN]
    assert list(TABLE["seen"]) == [str(reason) for reason in states.SEEN]
    assert list(TABLE["others"]) == list(states.others())


def test_a_node_that_could_not_be_looked_at():
    first = judged(*(states.failed(reason, 1) for reason in states.UNSEEN))
    again = judged(*(states.failed(reason, 2) for reason in states.UNSEEN))

    found = {
        str(reason): [once.kstatus, once.argocd, twice.argocd]
        for reason, once, twice in zip(states.UNSEEN, first, again, strict=True)
    }
    assert found == TABLE["unseen"]
    assert [one.kstatus for one in again] == [one.kstatus for one in first]
    assert [one.flux for one in first] == [one.kstatus for one in first]


def test_a_node_of_which_a_visit_says_something():
    verdicts = judged(*(states.visited(reason) for reason in states.SEEN))

    found = {
        str(reason): [one.kstatus, one.argocd]
        for reason, one in zip(states.SEEN, verdicts, strict=True)
    }
    assert found == TABLE["seen"]
    assert [one.flux for one in verdicts] == [one.kstatus for one in verdicts]


def test_every_other_state():
    made = states.others()

    found = {
        name: [one.kstatus, one.flux, one.argocd]
        for name, one in zip(made, judged(*made.values()), strict=True)
    }
    assert found == TABLE["others"]


def everything() -> list[states.Object]:
    """Each reason in each way that it can be said, alone and together with a node half changed."""
    was = states.ready()["status"]
    lost = [
        states.failed(reason, streak, before)
        for reason in states.BAD
        for streak in (1, 2)
        for before in (was, states.announced(was))
    ]
    said = [
        states.visited(reason, flapping=flapping, disrupting=disrupting)
        for reason, flapping, disrupting in itertools.product(states.SEEN, BOTH, BOTH)
    ]
    return lost + said


def broken(one: states.Object) -> bool:
    """By the layers alone: Ready, Stalled and Reconciling are what is to be checked."""
    said = {c["type"]: c["status"] for c in one["status"].get("conditions", ())}
    return any(said.get(str(layer)) != "True" for layer in LAYERS)


def wrong(objects: list[states.Object], verdicts: list[Verdict]) -> list[tuple[str, Any]]:
    """Broken nodes that somebody takes for good ones; Flux's example lets suspended ones pass."""
    return [
        (by, one["status"])
        for one, verdict in zip(objects, verdicts, strict=True)
        for by in ("kstatus", "flux", "argocd")
        if getattr(verdict, by) in GOOD and broken(one)
        if not (by == "flux" and one["spec"].get("suspend"))
    ]


def test_a_broken_node_is_never_healthy_and_never_current():
    objects = everything() + list(states.others().values())

    assert wrong(objects, judged(*objects)) == []
    assert sum(broken(one) for one in objects) > len(objects) - 20


GULLIBLE = SCRIPT.replace('at.Ready.status == "True"', "true")


def test_a_script_that_believes_too_much_would_be_found():
    assert GULLIBLE != SCRIPT
    objects = [states.visited(Reason.CRASH_LOOP)]

    assert [by for by, _ in wrong(objects, judged(*objects, script=GULLIBLE))] == ["argocd"]


def test_a_report_that_forgets_its_conditions_would_be_found():
    objects = [states.node({"observedGeneration": states.GENERATION})]

    assert [by for by, _ in wrong(objects, judged(*objects))] == ["kstatus"]


def test_what_argo_cd_shows_names_the_reason_and_what_happened():
    (one,) = judged(states.visited(Reason.GATE_FAILED))

    assert one.said == "GateFailed: what happened"


def upstream() -> list[tuple[str, dict[str, str]]]:
    tests = yaml.safe_load((CUSTOM / "health_test.yaml").read_text())["tests"]
    return [(test["inputPath"], test["healthStatus"]) for test in tests]


def test_the_tests_that_argo_cd_itself_would_run():
    objects = [yaml.safe_load((CUSTOM / path).read_text()) for path, _ in upstream()]

    found = [{"status": one.argocd, "message": one.said} for one in judged(*objects)]
    assert found == [expected for _, expected in upstream()]


@pytest.mark.parametrize("path", [path for path, _ in upstream()])
def test_their_objects_are_what_the_operator_writes(path: str):
    made = yaml.safe_load((CUSTOM / path).read_text())

    assert made in (states.ready(), *states.others().values(), *_some())


def _some() -> list[states.Object]:
    return [states.visited(Reason.GATE_FAILED), states.failed(Reason.DIAL_TIMEOUT, 2)]
