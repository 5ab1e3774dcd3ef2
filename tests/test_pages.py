"""Pages say what is there: tests that they name, files they link to, versions that are run."""

import re
from pathlib import Path

import pytest

from lab.released import RELEASES
from specs import ROOT

TESTS = ROOT / "tests"
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
NAMED = re.compile(r"`((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
INDEX = ROOT / "docs/README.md"


def dead_links(page: Path, text: str) -> list[str]:
    """Links of the page that lead to no file, or to no heading in it."""
    found = []
    for place, heading in LINK.findall(CODE.sub("", text)):
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (heading and heading not in anchors(target)):
            found.append(f"{place}#{heading}")
    return found


def anchors(page: Path) -> set[str]:
    """As the usual renderers name headings."""
    kept = (re.sub(r"[^\w\- ]", "", one.lower()) for one in HEADING.findall(page.read_text()))
    return {one.strip().replace(" ", "-") for one in kept}


def missing_tests(text: str) -> list[str]:
    """Tests that the text names and that do not exist."""
    return [f"{file}::{test}" for file, test in NAMED.findall(text) if not exists(file, test)]


def exists(file: str, test: str) -> bool:
    path = TESTS / file
    return path.exists() and (not test or f"def {test}(" in path.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_leads_only_to_what_is_there(page: Path) -> None:
    text = page.read_text()
    assert dead_links(page, text) == []
    assert missing_tests(text.replace("`tests/", "`")) == []


def test_a_dead_end_is_found() -> None:
    assert dead_links(INDEX, "[a](nowhere.md) [b](roadmap.md#api) [c](roadmap.md#no-such)") == [
        "nowhere.md#",
        "roadmap.md#no-such",
    ]
    named = "`test_pages.py::test_a_dead_end_is_found` `test_pages.py::test_none` `test_none.py`"
    assert missing_tests(named) == ["test_pages.py::test_none", "test_none.py::"]


def test_every_page_is_in_the_index() -> None:
    text = INDEX.read_text()
    linked = {(INDEX.parent / place).resolve() for place, _ in LINK.findall(text) if place}
    shown = {path for path in linked if path.suffix == ".md"}
    below = {path for folder in linked if folder.is_dir() for path in folder.glob("*.md")}
    assert set((ROOT / "docs").rglob("*.md")) - {INDEX} - shown - below == set()


def test_a_box_is_ticked_with_a_test_or_open_with_a_reason() -> None:
    boxes = re.split(r"^- ", (ROOT / "docs/roadmap.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(boxes) > 40
    assert [box for box in boxes if box.startswith("[x]") and not NAMED.search(box)] == []
    assert [box for box in boxes if not re.match(r"\[[x ]\] .{20}", box)] == []


MODULES = {
    "controlplane": ("k8s.io/kubernetes", "go.etcd.io/etcd/server/v3"),
    "helm": ("helm.sh/helm/v4", "helm.sh/helm/v3"),
    "verdicts": (
        "github.com/fluxcd/cli-utils",
        "github.com/fluxcd/pkg/runtime",
        "github.com/yuin/gopher-lua",
    ),
    "sops": ("github.com/getsops/sops/v3", "filippo.io/age"),
}


@pytest.mark.parametrize(
    ("lab", "module"), [(lab, one) for lab in MODULES for one in MODULES[lab]]
)
def test_the_matrix_has_the_versions_that_are_run(lab: str, module: str) -> None:
    pinned = (TESTS / f"lab/{lab}/go.mod").read_text()
    run = re.search(rf"^\s*{re.escape(module)} (v\S+)", pinned, re.MULTILINE)
    assert run
    assert run[1] in (ROOT / "docs/compatibility.md").read_text()


@pytest.mark.parametrize("name", ["kind", "containerd", "coredns", "cni-plugins"])
def test_the_matrix_has_what_the_real_cluster_is_made_of(name: str) -> None:
    assert RELEASES[name].version in (ROOT / "docs/compatibility.md").read_text()
