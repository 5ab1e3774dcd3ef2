"""Secret values are cut out of any text, in each form in which they could get into it."""

import base64
import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.core.redaction import CUT, MOST, SHORTEST, Redactor

VALUE = 'canary "7f31" /ä'


def knowing(*values: str) -> Redactor:
    made = Redactor()
    made.learn(values)
    return made


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        json.dumps(VALUE)[1:-1],
        VALUE.encode().hex(),
        urllib.parse.quote(VALUE, safe=""),
    ],
)
def test_a_value_is_cut_out_in_each_form(form: str) -> None:
    assert knowing(VALUE).clean(f"<{form}>") == f"<{CUT}>"


@given(st.text(min_size=SHORTEST), st.binary(max_size=9), st.binary(max_size=9))
def test_a_value_is_cut_out_of_base64_whatever_stands_beside_it(
    value: str, before: bytes, after: bytes
) -> None:
    value = f"canary-{value.strip()}-end"
    redactor = knowing(value)
    line = max(value.splitlines(), key=len)

    told = base64.b64encode(before + line.encode() + after).decode()

    assert CUT in redactor.clean(told)


def test_a_key_is_cut_out_line_by_line() -> None:
    lines = ["-----BEGIN OPENSSH PRIVATE KEY-----", "b3BlbnNzaC1r", "ZXktdjEAAAAA", "-----END"]
    key = "\n".join(lines) + "\n"

    said = knowing(key).clean(f"bad line {lines[1]!r} of {key}")

    assert not any(line in said for line in lines[1:3])


def test_the_longer_of_two_values_goes_whole() -> None:
    assert knowing("canary", "canary-long").clean("canary-long") == CUT


def test_a_word_of_every_day_is_left_alone() -> None:
    assert knowing("info", "true", "").clean("INFO info true") == "INFO info true"


def test_it_forgets_the_oldest_rather_than_grow() -> None:
    redactor = knowing("canary-first")
    redactor.learn(f"value-{number}" for number in range(MOST))

    assert redactor.clean("canary-first") == "canary-first"
    assert redactor.clean(f"value-{MOST - 1}") == CUT
