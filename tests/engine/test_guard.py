"""When many nodes are lost at once, and when that is over."""

import pytest

from kaitu.engine.guard import Guard

INTERVAL = 60.0


def fleet(size: int) -> tuple[Guard, list[tuple[str, str]]]:
    guard, nodes = Guard(), [("x", f"n{n}") for n in range(size)]
    for node in nodes:
        guard.saw(node)
    return guard, nodes


def lose(guard: Guard, nodes: list[tuple[str, str]], at: float = 0.0) -> None:
    for node in nodes:
        guard.missed(node, at, INTERVAL)


@pytest.mark.parametrize(
    ("size", "lost", "frozen"),
    [
        (2, 2, False),  # too few to tell
        (3, 2, False),
        (3, 3, True),
        (15, 3, False),  # exactly 20 %
        (14, 3, True),
        (1000, 200, False),
        (1000, 201, True),
    ],
)
def test_more_than_a_fifth_and_at_least_three_freeze_the_fleet(size, lost, frozen):
    guard, nodes = fleet(size)

    lose(guard, nodes[:lost])

    assert guard.frozen is frozen


@pytest.mark.parametrize(("apart", "frozen"), [(59, True), (60, False)])
def test_only_losses_within_two_intervals_count_together(apart, frozen):
    guard, nodes = fleet(10)

    for n in range(3):
        lose(guard, nodes[n : n + 1], at=n * apart)

    assert guard.frozen is frozen


def test_a_node_that_stays_lost_or_was_never_seen_is_no_news():
    guard, nodes = fleet(10)
    lose(guard, nodes[:2])
    for at in range(130, 1000, 10):
        lose(guard, [*nodes[:2], ("x", "never seen")], at)
    lose(guard, nodes[2:4], at=1000)

    assert not guard.frozen


def test_the_freeze_lasts_while_the_nodes_stay_lost_and_ends_with_the_share():
    guard, nodes = fleet(10)
    lose(guard, nodes[:4])
    lose(guard, nodes[:4], at=9999)
    assert guard.frozen

    guard.saw(nodes[0])
    assert guard.frozen
    guard.saw(nodes[1])
    assert not guard.frozen


def test_what_is_lost_during_the_freeze_keeps_it():
    guard, nodes = fleet(10)
    lose(guard, nodes[:3])
    lose(guard, nodes[3:6], at=9999)

    for node in nodes[:3]:
        guard.saw(node)

    assert guard.frozen


def test_nodes_that_are_visited_no_more_end_it_and_are_not_of_the_fleet():
    guard, nodes = fleet(10)
    lose(guard, nodes[:3])
    for node in nodes[:1]:
        guard.forget(node)
    assert not guard.frozen

    for node in nodes[4:]:
        guard.forget(node)
    lose(guard, nodes[3:4])
    assert guard.frozen  # three of the three that are left
