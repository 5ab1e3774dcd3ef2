import json
from typing import Any

import pytest

from kaitu.api.annotations import ADOPT, REQUESTED_AT
from kaitu.controller.store import Record, Store


def body(version: str = "10", **meta: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "default",
            "name": "n1",
            "uid": "u1",
            "resourceVersion": version,
            "generation": 1,
            **meta,
        },
        "spec": {},
        "status": {},
    }


def known(store: Store) -> Record:
    found = store.get(("default", "n1"))
    assert found is not None
    return found


def test_the_first_sight_calls_for_a_visit_and_our_own_status_write_does_not():
    store = Store()
    assert store.see(body())
    echo = body("11")
    echo["status"] = {"observedGeneration": 1}

    assert store.see(echo) is None
    assert known(store).status == {"observedGeneration": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 2},
        {"labels": {"a": "b"}},
        {"annotations": {REQUESTED_AT: "1"}},
        {"annotations": {ADOPT: "id"}},
        {"deletionTimestamp": "2026-01-01T00:00:00Z"},
        {"uid": "u2"},
    ],
)
def test_what_concerns_the_node_calls_for_a_visit(change):
    store = Store()
    store.see(body())

    assert store.see(body("11", **change))


@pytest.mark.parametrize(
    "change", [{"annotations": {"other": "1"}}, {"managedFields": []}, {"finalizers": ["x"]}]
)
def test_what_does_not_concern_the_node_calls_for_none(change):
    store = Store()
    store.see(body())

    assert store.see(body("11", **change)) is None


def test_an_older_state_of_the_same_object_is_ignored_and_a_namesake_is_not():
    store = Store()
    store.see(body("100", generation=5))

    assert store.see(body("99", generation=4)) is None
    assert known(store).generation == 5
    assert store.see(body("98", uid="u2", generation=1))


def test_an_edit_that_comes_back_with_our_own_write_calls_for_a_visit():
    store = Store()
    store.see(body())

    assert store.wrote(body("11")) is None
    assert store.wrote(body("13", generation=2))
    assert store.see(body("12", generation=2)) is None  # the watch has nothing new to tell


def test_what_was_deleted_or_replaced_does_not_come_back_with_our_own_write():
    store = Store()
    store.see(body())
    store.drop(("default", "n1"))
    assert store.wrote(body("11")) is None
    assert len(store) == 0

    store.see(body("12", uid="u2"))
    assert store.wrote(body("11")) is None
    assert known(store).uid == "u2"


def test_what_is_remembered_survives_a_new_state_but_not_a_new_object():
    store = Store()
    store.see(body())
    known(store).memory.streak = 3
    store.see(body("11", generation=2))
    assert known(store).memory.streak == 3

    store.see(body("12", uid="u2"))
    assert known(store).memory.streak == 0


def test_what_many_say_is_in_memory_once():
    first, second = (json.loads(json.dumps({**body(), "spec": {"a": ["word"]}})) for _ in "12")
    store = Store()
    store.see(first)
    one = known(store)
    store.drop(one.key)
    store.see(second)
    other = known(store)

    assert one.spec == other.spec == {"a": ["word"]}
    assert one.spec["a"][0] is other.spec["a"][0]
