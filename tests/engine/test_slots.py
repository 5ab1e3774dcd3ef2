from hypothesis import given
from hypothesis import strategies as st

from kaitu.engine.slots import Slots

A, B, C = ("x", "a"), ("x", "b"), ("x", "c")
ELSEWHERE = ("y", "a")


def test_at_most_the_limit_per_namespace_and_a_holder_keeps_its_slot():
    slots = Slots(lambda: 1)

    assert slots.take(A)
    assert slots.take(A)
    assert not slots.take(B)
    assert slots.take(ELSEWHERE)

    assert slots.free(A)
    assert not slots.free(A)
    assert slots.take(B)


def test_a_node_that_was_being_changed_keeps_its_slot_over_a_restart():
    slots = Slots(lambda: 1)
    slots.keep(A)
    slots.keep(B)

    assert not slots.take(C)
    assert slots.taken == 2


def test_a_release_that_is_held_on_one_node_is_found_by_the_others_of_the_namespace_only():
    slots = Slots(lambda: 1)
    slots.hold(A, "r1")

    assert slots.held_elsewhere(B, "r1") == "a"
    assert slots.held_elsewhere(A, "r1") is None
    assert slots.held_elsewhere(ELSEWHERE, "r1") is None
    assert slots.held_elsewhere(B, "r2") is None

    slots.forget(A)
    assert slots.held_elsewhere(B, "r1") is None


def test_the_last_slot_goes_to_one_of_two_processes():
    """Each took it for itself; the second to be confirmed hears of the first."""
    ours, theirs = Slots(lambda: 1), Slots(lambda: 1)
    assert ours.take(("fleet", "a"))
    assert theirs.take(("fleet", "b"))
    ours.see_elsewhere(theirs.confirmed())
    assert ours.fits(("fleet", "a"))
    ours.keep(("fleet", "a"))
    theirs.see_elsewhere(ours.confirmed())
    assert not theirs.fits(("fleet", "b"))
    theirs.refuse(("fleet", "b"))

    assert theirs.holders("fleet") == ["a"]
    assert not theirs.take(("fleet", "b"))
    assert theirs.take(("other", "b"))
    ours.free(("fleet", "a"))
    assert theirs.see_elsewhere(ours.confirmed()) == {"fleet"}
    assert theirs.next("fleet") == [("fleet", "b")]


def test_who_was_confirmed_stays_so_whatever_others_say():
    slots = Slots(lambda: 1)
    slots.take(("fleet", "a"))
    assert slots.fits(("fleet", "a"))
    slots.keep(("fleet", "a"))
    slots.see_elsewhere({("fleet", "b")})

    assert slots.fits(("fleet", "a"))
    assert slots.has(("fleet", "a"))


def test_as_many_are_next_as_slots_are_free_and_the_longest_wait_comes_first():
    slots = Slots(lambda: 2)
    slots.keep(C)
    slots.keep(ELSEWHERE)
    slots.keep(("x", "d"))
    for node in (B, A, B):
        assert not slots.take(node)
    assert slots.next("x") == []

    slots.free(C)
    assert slots.next("x") == [B]
    slots.free(("x", "d"))
    assert slots.next("x") == [B, A]
    assert slots.next("y") == []


def test_who_has_a_slot_gives_up_or_goes_waits_no_more():
    slots = Slots(lambda: 1)
    slots.keep(("x", "d"))
    for node in (A, B, C):
        slots.take(node)

    assert slots.leave(A)
    assert not slots.leave(A)
    assert slots.forget(B)
    assert slots.forget(("x", "d"))
    assert not slots.forget(("x", "d"))
    assert slots.next("x") == [C]
    slots.take(C)
    slots.free(C)
    assert slots.next("x") == []


NODES = st.sampled_from([A, B, C, ELSEWHERE])


@given(limit=st.integers(0, 3), moves=st.lists(st.tuples(st.booleans(), NODES), max_size=40))
def test_the_limit_is_never_exceeded(limit, moves):
    slots = Slots(lambda: limit)
    taken: set[tuple[str, str]] = set()
    for take, node in moves:
        if take and slots.take(node):
            taken.add(node)
        elif not take:
            slots.free(node)
            taken.discard(node)
        assert sum(1 for namespace, _ in taken if namespace == "x") <= limit
        assert slots.taken == len(taken)
