"""Every aspect of the registry, held to its cases; an aspect without cases is not done."""

import pytest

from aspects.cases import FOLDER, Case, every, load, plain
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

    case.assert_facts(facts)
    case.assert_steps(want, facts)
    case.assert_problem(want, facts)
    if "report" in case.text:
        assert plain(case.aspect.report(want, facts)) == case.text["report"]
