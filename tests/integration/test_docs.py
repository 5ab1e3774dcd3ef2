"""What the tutorials tell people to type is typed here; the how-tos have tests of their own."""

from pathlib import Path

import pytest

from integration.pages import follow, pages
from lab import demo
from lab.hand_over import hand_over
from lab.run import Lab
from lab.stage import Stage

FOLLOWED = {
    "tutorials/first-ten-minutes.md",
    *(f"how-to/{page}.md" for page in ("install", "fleet", "gitops-flux", "gitops-argocd", "k3s")),
}


def test_no_page_with_commands_is_left_out() -> None:
    assert set(pages()) == FOLLOWED


@pytest.fixture(scope="module")
def stage(lab: Lab) -> Stage:
    """The demo's first act: one node that follows its KaituNode."""
    made = demo.set_up(lab)
    demo.first_sight(made)
    return made


def test_the_first_ten_minutes(stage: Stage, tmp_path: Path) -> None:
    hand_over(stage.cluster, stage.node, tmp_path / ".demo")
    told = follow("tutorials/first-ten-minutes.md", tmp_path, {})
    assert "no-such-key" in told
