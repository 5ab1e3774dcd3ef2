"""Each answer of the server has one error, which names the request and never grows."""

import json

import pytest

from kaitu.cluster.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    Missing,
    Unauthorized,
    Unavailable,
    of_failure,
    of_status,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ApiError),
        (401, Unauthorized),
        (403, Forbidden),
        (404, Missing),
        (409, Conflict),
        (410, ApiError),
        (422, Invalid),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
def test_kinds(status: int, kind: type[ApiError]) -> None:
    error = of_status(status, "GET /x", json.dumps({"message": "why"}).encode())
    assert type(error) is kind
    assert error.status == status
    assert str(error) == f"GET /x: {status} why"


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[]", b"{}", b"<html>\n bad gateway", b"null"]
)
def test_answers_of_others(body: bytes) -> None:
    assert str(of_status(502, "GET /x", body)).startswith("GET /x: 502")


def test_long_texts_are_cut() -> None:
    assert len(str(of_status(500, "GET /x", b"a" * 10_000))) < 400
    assert len(str(of_failure(OSError("a" * 10_000), "GET /x"))) < 400


def test_no_answer_is_named_by_its_cause() -> None:
    assert str(of_failure(TimeoutError(), "GET /x")) == "GET /x: TimeoutError"
    assert str(of_failure(OSError("no route"), "GET /x")) == "GET /x: OSError: no route"
