"""A served schema against our own: what it lacks stops us, what it has beyond is told."""

import json
from typing import Any

import pytest

from kaitu.api.crd import definition
from kaitu.api.served import Served, compare

GVK = {"group": "fleet.kaitu.io", "version": "v1alpha1", "kind": "KaituNode"}


def served() -> dict[str, Any]:
    """As an API server shows it, beside other kinds."""
    ours = definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    node = {**json.loads(json.dumps(ours)), "x-kubernetes-group-version-kind": [GVK]}
    listed = {"x-kubernetes-group-version-kind": [{**GVK, "kind": "KaituNodeList"}]}
    return {"components": {"schemas": {"list": listed, "other": {}, "node": node}}}


def part(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"]["node"]["properties"][name]
    return found


def told(document: dict[str, Any]) -> Served:
    found = compare(document)
    assert found
    return found


def test_our_own_is_neither_old_nor_new() -> None:
    assert told(served()) == Served((), ())
    assert (told(served()).too_old, told(served()).newer) == ("", "")


@pytest.mark.parametrize("document", [{}, {"components": {"schemas": {"other": {}}}}])
def test_no_such_kind(document: dict[str, Any]) -> None:
    assert compare(document) is None


def test_an_older_one_lacks_fields() -> None:
    document = served()
    del part(document, "spec")["properties"]["compose"]["properties"]["update"]
    del part(document, "status")["properties"]["plan"]["properties"]["steps"]["items"][
        "properties"
    ]["services"]
    found = told(document)
    assert "lacks spec.compose.update, status.plan.steps[].services; apply" in found.too_old
    assert found.newer == ""


def test_an_older_one_lacks_words() -> None:
    document = served()
    part(document, "spec")["properties"]["mode"]["enum"].remove("Observe")
    assert "lacks spec.mode=Observe; apply" in told(document).too_old


def test_one_without_status_is_old() -> None:
    document = served()
    del document["components"]["schemas"]["node"]["properties"]["status"]
    assert "lacks status;" in told(document).too_old


def test_a_newer_one_is_told_and_does_not_stop() -> None:
    document = served()
    part(document, "spec")["properties"]["firewall"] = {
        "type": "object",
        "properties": {"open": {"type": "string"}},
    }
    found = told(document)
    assert found.too_old == ""
    assert "does not know spec.firewall: what uses that is InvalidSpec" in found.newer
