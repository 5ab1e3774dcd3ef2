"""One job at a time on a node; only a pull gives way, and only to another release."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.wait import until
from safety.test_job_calls import equipped, job, start
from scripts.run import Node

LONG = 999_999  # seconds


@contextmanager
def waiting_pull(bare: Node) -> Iterator[tuple[Node, Path]]:
    """A node on which a pull waits for its jitter to end, and the file of its phase."""
    node = equipped(bare)
    assert start(node, "pull", key="old", jitter=LONG) == "STARTED"
    state = node.state / "job/state"
    until(lambda: state.read_text() == "pull old jitter\n", 60, "a pull that waits")
    try:
        yield node, state
    finally:
        (node.state / "job/stop").touch()


def test_a_pull_that_waits_gives_way_to_another_release_and_leaves_no_trace(node: Node) -> None:
    with waiting_pull(node) as (ours, _):
        ran = job(ours, "record", key="new")

        assert ran.result[0] == "new"
        assert ran.result[2] == "OK"
        assert not (ours.state / "job/result.pull").exists()
        assert not (ours.state / "job/stop").exists()


def test_a_job_of_the_same_release_is_left_to_its_end(dash: Node) -> None:
    with waiting_pull(dash) as (ours, _):
        assert start(ours, "pull", key="old") == "EBUSY"
        assert not (ours.state / "job/stop").exists()


def test_a_job_that_changes_something_is_left_to_its_end(dash: Node) -> None:
    with waiting_pull(dash) as (ours, state):
        for doing in ("up old gate\n", "repair old up\n", ""):
            state.write_text(doing)
            assert start(ours, "pull", key="new") == "EBUSY"
            assert not (ours.state / "job/stop").exists()
