"""One line per record, as text or JSON, each with its visit; nothing secret in any of them."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from controller.toy import KEY, node, operator
from kaitu.controller import chores, logs
from kaitu.controller.__main__ import main
from kaitu.core.redaction import CUT, Redactor

SECRET = "kaitu-canary-secret-77"


class Log:
    """A logger with a handler as the program sets it up, and what came out of it."""

    def __init__(self, shape: str) -> None:
        self.redactor, self._stream = Redactor(), io.StringIO()
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(logs.Formatter(shape, self.redactor))
        self.logger = logging.getLogger("kaitu")
        self.logger.addHandler(self.handler)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[Log]:
    caplog.set_level(logging.DEBUG, "kaitu")
    made = Log(getattr(request, "param", "json"))
    yield made
    made.logger.removeHandler(made.handler)


def test_a_line_of_json_says_when_how_grave_who_and_what(log):
    log.logger.warning("%s of %d", "one", 2)

    (line,) = log.lines
    assert datetime.fromisoformat(line.pop("ts")).utcoffset() is not None
    assert line == {"level": "WARNING", "logger": "kaitu", "msg": "one of 2"}


def test_all_lines_of_a_turn_have_its_id_and_no_other_turn_has(log):
    async def one(name: str) -> None:
        with logs.turn("edge", name):
            log.logger.info("begin")
            await asyncio.sleep(0)
            await asyncio.create_task(child())

    async def child() -> None:
        log.logger.info("in a task of the turn")

    async def both() -> None:
        await asyncio.gather(one("n1"), one("n2"))
        log.logger.info("outside")

    asyncio.run(both())

    ids: dict[str, set[str]] = {"n1": set(), "n2": set()}
    *of_turns, outside = log.lines
    for line in of_turns:
        assert line["namespace"] == "edge"
        ids[line["name"]].add(line["reconcileID"])
    assert len(ids["n1"]) == len(ids["n2"]) == 1
    assert ids["n1"] != ids["n2"]
    assert len(of_turns) == 4
    assert "reconcileID" not in outside


def test_a_defect_is_one_line_with_its_trace_and_its_node(log, monkeypatch):
    async def broken(*_: Any) -> None:
        raise ValueError("a\nb")

    monkeypatch.setattr(chores, "reconcile", broken)
    app, _ = operator(node())

    asyncio.run(chores._turn(app, KEY))

    (line,) = log.lines
    assert line["level"] == "ERROR"
    assert line["error"].splitlines()[-2:] == ["ValueError: a", "b"]
    assert (line["namespace"], line["name"]) == KEY


def test_the_end_of_a_visit_says_how_long_it_took(log):
    with logs.turn("edge", "n1"):
        logs.visited(log.logger, "Ready", news=False)
        logs.visited(log.logger, "NoSpace", news=True)

    assert [(line["level"], line["msg"]) for line in log.lines] == [
        ("DEBUG", "visited: Ready"),
        ("INFO", "visited: NoSpace"),
    ]
    assert all(0 <= line["duration_s"] < 60 for line in log.lines)


@pytest.mark.parametrize("log", ["text"], indirect=True)
def test_text_is_for_people(log):
    with logs.turn("edge", "n1") as turn:
        logs.visited(log.logger, "NoSpace", news=True)

    stamp, *rest = log.text.split(" ", 1)
    assert datetime.fromisoformat(stamp).tzinfo is not None
    assert rest[0].startswith(f"INFO kaitu [edge/n1 {turn.id}] visited: NoSpace (0.")


@pytest.mark.parametrize("log", ["json", "text"], indirect=True)
def test_a_secret_is_cut_out_wherever_it_stands(log):
    log.redactor.learn([SECRET, 'with "quotes"'])
    log.logger.debug("value %s", SECRET)
    log.logger.debug("%s", {"body": 'with "quotes"', "other": SECRET.encode().hex()})
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.logger.exception("failed")
    log.logger.debug("nothing learned yet: kaitu-canary-other")

    assert SECRET not in log.text
    assert SECRET.encode().hex() not in log.text
    assert "quotes" not in log.text
    assert log.text.count(CUT) >= 4
    assert "kaitu-canary-other" in log.text  # the search could have found one


@pytest.mark.parametrize(("flag", "word"), [("--log-format", "xml"), ("--log-level", "loud")])
@pytest.mark.parametrize("by", ["flag", "environment"])
def test_a_word_that_does_not_exist_is_refused(capsys, monkeypatch, flag, word, by):
    words = [flag, word] if by == "flag" else []
    if by == "environment":
        monkeypatch.setenv("KAITU_" + flag.strip("-").replace("-", "_").upper(), word)

    with pytest.raises(SystemExit) as ended:
        main(["run", *words])

    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"argument {flag}: must be " in said
    assert f"not '{word}'" in said
