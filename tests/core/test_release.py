"""The fragment ``compose``: read as its script prints it, and anything else refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.core import jobs
from kaitu.core.aspect import Answer
from kaitu.core.errors import UnparsableError
from kaitu.core.reasons import REASONS
from kaitu.core.release import Held, Record, Releases, Result, Running, parse_releases

SHA = "a" * 64
QUIET = f"dir\tpresent\nfile\t{SHA}\njob\tidle\n"


def parsed(text: str, rc: int = 0) -> Releases:
    return parse_releases({"compose": Answer(rc, text.encode())})


def test_a_quiet_node() -> None:
    assert parsed(QUIET) == Releases("present", SHA)


def test_everything_at_once() -> None:
    text = QUIET.replace("idle", "running\tup\tk\tgate") + (
        f"record\tk\t5.4.0\t{SHA}\tsame\nservice\ta\tsha256:1\nservice\tb\tsha256:2\n"
        "held\tn\tdiffers\tEGATE\ta\trestored\tk\npending\tk\nresult\tup\tk\tsame\tEGATE\ta\t2\t30\n"
        "hash\ta\th\nimage\tci9hOjE=\tsha256:1\n"
    )

    assert parsed(text) == Releases(
        "present",
        SHA,
        record=Record("k", "5.4.0", SHA, True, {"a": "sha256:1", "b": "sha256:2"}),
        held=Held("n", False, "EGATE", "a", "restored", "k"),
        pending="k",
        running=Running("up", "k", "gate"),
        results={"up": Result("k", True, "EGATE", "a", 2, 30)},
        hashes={"a": "h"},
        images={"r/a:1": "sha256:1"},
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"dir\tpresent\nfile\t{SHA}\n",
        f"file\t{SHA}\njob\tidle\n",
        QUIET.replace("present", "somewhere"),
        QUIET.replace(SHA, SHA[1:]),
        QUIET.replace("idle", "running\tup\tk"),
        QUIET + f"record\tk\t5.4.0\t{SHA}\tmaybe\n",
        QUIET + "result\tdown\tk\tsame\tOK\t-\t1\t1\n",
        QUIET + "result\tup\tk\tsame\tOK\t-\t1\t-1\n",
        QUIET + "image\tno base64\tx\n",
        QUIET + "news\n",
        QUIET[:-1],
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UnparsableError):
        parsed(text)


def test_a_fragment_that_failed_is_refused_whatever_it_printed() -> None:
    with pytest.raises(UnparsableError):
        parsed(QUIET, rc=1)


@given(st.lists(st.sampled_from([*QUIET.splitlines(), "held", "result\tup", "\t", "x" * 99])))
def test_no_order_of_lines_is_a_defect(rows: list[str]) -> None:
    with contextlib.suppress(UnparsableError):
        parsed("".join(f"{row}\n" for row in rows))


def test_a_result_counts_only_for_its_input() -> None:
    known = parsed(
        QUIET + "result\tup\tk\tsame\tOK\t-\t1\t1\nresult\tpull\tk\tdiffers\tOK\t-\t1\t1\n"
    )

    assert known.result("up", "k") is not None
    assert known.result("up", "other") is None
    assert known.result("pull", "k") is None
    assert known.result("repair", "k") is None


def result(code: str, tries: int, age: int) -> Result:
    return Result("k", True, code, "-", tries, age)


@pytest.mark.parametrize("code", [*jobs.ENDINGS, "EWHATEVER"])
def test_every_failure_rests_a_while_and_not_for_ever(code: str) -> None:
    assert jobs.resting(result(code, 1, 0))
    assert not jobs.resting(result(code, 1000, 900))
    assert jobs.ended(code, "k2v5").reason in REASONS


def test_rests_grow_from_failure_to_failure() -> None:
    rested = [
        next(age for age in range(1000) if not jobs.resting(result("EPULL", tries, age)))
        for tries in range(1, 8)
    ]

    assert rested == [30, 60, 120, 240, 480, 900, 900]


def test_what_a_person_mends_on_the_node_is_looked_at_again_soon() -> None:
    assert jobs.resting(result("EINVALID", 1, 599))
    assert not jobs.resting(result("EENV", 1, 10))


def test_what_went_well_or_never_was_needs_no_rest() -> None:
    assert not jobs.resting(None)
    assert not jobs.resting(result("OK", 1, 0))
    assert not jobs.good(None)
