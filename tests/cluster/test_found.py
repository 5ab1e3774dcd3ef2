"""What is kept of an object, for how long, and which answer replaces which."""

from typing import Any

import pytest

from kaitu.cluster.errors import ApiError, Forbidden, Missing, Unavailable
from kaitu.cluster.found import (
    ABSENT,
    FRESH,
    UNUSED,
    Found,
    Known,
    due,
    found,
    take,
    unused,
    version,
)

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "type": "Opaque",
    "metadata": {
        "name": "env",
        "resourceVersion": "7",
        "labels": {"fleet.kaitu.io/use": "env"},
        "managedFields": [{"manager": "kubectl"}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "Q0FOQVJZ"},
    },
    "data": {"radius": "Q0FOQVJZ"},
}


def at(number: str) -> Found:
    return found({"metadata": {"resourceVersion": number}, "data": {"a": "1"}})


GONE, DENIED, DOWN = Missing(404, "x"), Forbidden(403, "x"), Unavailable(0, "x")


def test_only_what_is_needed_is_kept_and_it_does_not_print() -> None:
    kept = found(SECRET)
    assert kept.body() == {
        "type": "Opaque",
        "metadata": {"labels": {"fleet.kaitu.io/use": "env"}},
        "data": {"radius": "Q0FOQVJZ"},
        "binaryData": {},
    }
    assert "Q0FOQVJZ" not in repr(kept)
    assert "Q0FOQVJZ" not in repr(vars(Known)) + repr(Known(kept, 0, 0)) + repr(kept.fields)


@pytest.mark.parametrize(
    ("answer", "age", "again"),
    [
        (at("7"), FRESH - 1, False),
        (at("7"), FRESH, True),
        (GONE, ABSENT - 1, False),
        (GONE, ABSENT, True),
        (DENIED, ABSENT, True),
        (DOWN, ABSENT, True),
    ],
)
def test_when_it_is_read_again(answer: Found | ApiError, age: float, again: bool) -> None:
    assert due(Known(answer, read=100.0, asked=0.0), 100.0 + age) is again


def test_when_it_is_forgotten() -> None:
    known = Known(GONE, read=100.0, asked=100.0)
    assert [unused(known, 100.0 + UNUSED - 1), unused(known, 100.0 + UNUSED)] == [False, True]


@pytest.mark.parametrize(
    ("old", "new", "told", "kept"),
    [
        (at("7"), at("7"), False, "7"),
        (at("7"), at("8"), True, "8"),
        (at("7"), GONE, True, "Missing"),
        (at("7"), DENIED, True, "Forbidden"),
        (at("7"), DOWN, False, "7"),
        (GONE, at("7"), True, "7"),
        (GONE, GONE, False, "Missing"),
        (GONE, DENIED, True, "Forbidden"),
        (DOWN, at("7"), True, "7"),
        (DOWN, DOWN, False, ""),
    ],
)
def test_which_answer_is_told(old: Any, new: Any, told: bool, kept: str) -> None:
    known = Known(old, read=0.0, asked=0.0)
    assert take(known, new, sent=60.0) is told
    assert version(known.answer) == kept


def test_answer_to_an_older_question_changes_nothing() -> None:
    known = Known(at("8"), read=60.0, asked=0.0)
    assert not take(known, at("7"), sent=59.0)
    assert version(known.answer) == "8"
    assert known.read == 60.0


def test_server_that_is_down_is_asked_again_soon() -> None:
    known = Known(at("7"), read=0.0, asked=0.0)
    take(known, DOWN, sent=60.0)
    assert [due(known, 60.0 + ABSENT - 1), due(known, 60.0 + ABSENT)] == [False, True]
