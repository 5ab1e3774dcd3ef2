"""Every aspect of the registry, held to its cases; an aspect without cases is not done."""

from typing import Any

import pytest

from aspects.cases import FOLDER, Case, every, load, plain, told
from kaitu.api.node import ASPECTS


@pytest.mark.parametrize("name", ASPECTS)
def test_an_aspect_has_cases_for_the_quiet_and_the_empty(name: str) -> None:
    stems = {case.path.stem for case in load(name)}

    assert "in_sync" in stems, f"tests/cases/{name}/in_sync.yaml is missing"
    assert any("zero" in stem or "empty" in stem for stem in stems), (
        f"tests/cases/{name} has no case about a zero or an empty value"
    )


def test_no_cases_belong_to_nobody() -> None:
    folders = {path.name for path in FOLDER.iterdir() if path.is_dir()}

    assert folders - ASPECTS.keys() <= {"spec"}  # those are about the models


@pytest.mark.parametrize("case", every(), ids=str)
def test_case(case: Case) -> None:
    want, facts = case.want(), case.facts()

    seen = plain(facts)
    assert {key: seen[key] for key in case.text.get("facts", {})} == case.text.get("facts", {})
    assert_steps(case, want, facts)
    assert_problem(case, want, facts)
    if "report" in case.text:
        assert plain(case.aspect.report(want, facts)) == case.text["report"]


def assert_steps(case: Case, want: Any, facts: Any) -> None:
    steps = [told(step) for step in case.aspect.plan(want, facts)]
    expected = [{"text": one} if isinstance(one, str) else one for one in case.text["plan"]]
    assert [step["text"] for step in steps] == [one["text"] for one in expected]
    for step, one in zip(steps, expected, strict=True):
        assert {key: step[key] for key in one} == one


def assert_problem(case: Case, want: Any, facts: Any) -> None:
    problem, expected = case.aspect.problem(want, facts), case.text["problem"]
    if expected is None:
        assert problem is None
    else:
        assert problem is not None
        seen = {"reason": problem.reason.value, "message": problem.message}
        assert {key: seen[key] for key in expected} == expected
