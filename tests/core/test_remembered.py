"""An answer that was read before is not read again; any other one is, and so is every error."""

from collections.abc import Callable

import pytest

from kaitu.core.aspect import REMEMBERED, SHORT, Answer, remembered
from kaitu.core.errors import UnparsableError


@pytest.fixture
def read() -> list[Answer]:
    return []


def reader(read: list[Answer]) -> Callable[[Answer], list[bytes]]:
    @remembered
    def parse(answer: Answer) -> list[bytes]:
        read.append(answer)
        if answer.rc:
            raise UnparsableError("failed")
        return answer.out.split()

    return parse


def test_the_same_bytes_are_read_once(read: list[Answer]) -> None:
    parse = reader(read)

    assert parse(Answer(0, b"a b")) is parse(Answer(0, b"a b"))
    assert parse(Answer(0, b"a c")) == [b"a", b"c"]
    assert len(read) == 2


def test_an_error_is_found_each_time(read: list[Answer]) -> None:
    parse = reader(read)
    for answer in (Answer(0, b"a"), Answer(1, b"a"), Answer(1, b"a")):
        if answer.rc:
            with pytest.raises(UnparsableError):
                parse(answer)
        else:
            parse(answer)

    assert [one.rc for one in read] == [0, 1, 1]


def test_what_is_kept_has_a_bound(read: list[Answer]) -> None:
    parse = reader(read)
    for number in (*range(REMEMBERED + 1), 0):
        parse(Answer(0, str(number).encode()))
    assert len(read) == REMEMBERED + 2

    for _ in range(2):
        parse(Answer(0, bytes(SHORT + 1)))
    assert len(read) == REMEMBERED + 4
