"""Guardrail 6: what travels as an argument is plain, and is never data of a user.

Hostile wishes go through every aspect's plan, and every step through the command line that would
be executed. A canary that stands in data must be on stdin, and nowhere else.
"""

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aspects.cases import load
from aspects.simulated import Machine
from kaitu.api.node import ASPECTS
from kaitu.aspects import compose, cron, env, sysctl
from kaitu.core.aspect import Aspect
from kaitu.core.command import WORD, Command
from kaitu.core.desired import Desired, Reference
from kaitu.core.errors import KaituError
from kaitu.core.plan import Plan, Step
from kaitu.core.release import Result
from kaitu.core.secrets import Secret
from kaitu.core.sections import ComposeSpec, CronSpec, EnvSpec, SysctlSpec
from kaitu.remote import loader

CANARY = "canary-0f7c"
EVIL = ("'", '"', "`id`", "$(id)", ";", "|", "&", "\n", "\t", " ", "--", "-v", "..", "/", "é", "#")
HOSTILE = st.lists(st.sampled_from((*EVIL, "a", "0", "=")), max_size=6).map("".join)
MARKED = st.tuples(HOSTILE, HOSTILE).map(CANARY.join)
unhurried = settings(deadline=None, max_examples=50)
NONCE = "0" * 32
GUARD = ("inst", "fleet/node-1", "1", "process")


def leaks(step: Step, nonce: str = NONCE) -> Iterator[str]:
    """Where a step shows data, or an argument that is not plain."""
    command = step.command
    line = loader.argv(command, nonce, GUARD, sudo=True)
    for where, text in (
        ("text", step.text),
        ("item", step.item),
        ("repr", repr(step)),
        ("words", " ".join(command.words)),
        ("command line", line),
    ):
        if CANARY in text:
            yield where
    if shlex.split(line)[-len(command.words) :] != list(command.words):
        yield "quoting"
    yield from (f"word {word}" for word in command.words if not WORD.fullmatch(word))
    if not loader.payload(command).endswith(command.data):
        yield "stdin"


def wanted(aspect: Aspect[Any, Any, Any], section: Any, whole: Desired) -> Any:
    """What the aspect makes of it, or None where it is refused without being quoted."""
    try:
        return aspect.want(section, whole)
    except KaituError as error:
        refused = str(error)
    assert CANARY not in refused
    return None


def planned(aspect: Aspect[Any, Any, Any], want: Any, machine: Machine) -> Plan:
    return aspect.plan(want, machine.facts(aspect, want))


def desired(
    values: dict[Reference, Secret | KaituError] | None = None, **sections: Any
) -> Desired:
    return Desired("fleet", "node-1", sections, values or {})


@unhurried
@given(value=MARKED, name=st.sampled_from(["A", "K2_RADIUS_KEY"]))
def test_a_variable(value: str, name: str) -> None:
    ref = Reference("Secret", "s", "k")
    source = {"secretKeyRef": {"name": "s", "key": "k"}}
    section = EnvSpec.model_validate({"vars": [{"name": name, "valueFrom": source}]})
    want = wanted(env.ASPECT, section, desired({ref: Secret(value)}, env=section))
    if want is None:
        return
    plan = planned(env.ASPECT, want, Machine())
    assert CANARY.encode() in plan[0].command.data
    assert [leak for step in plan for leak in leaks(step)] == []
    assert CANARY not in repr((want, env.probe(want), plan))


@unhurried
@given(text=MARKED, old=st.none() | MARKED)
def test_a_cron_command(text: str, old: str | None) -> None:
    entry = {"name": "job", "schedule": "@daily", "command": text}
    try:
        want = CronSpec.model_validate({"entries": [entry]})
    except ValueError:
        return
    plan = planned(cron.ASPECT, want, Machine())
    assert CANARY.encode() in plan[0].command.data
    assert [leak for step in plan for leak in leaks(step)] == []


@unhurried
@given(name=HOSTILE.map(lambda text: f"net.{text}"), value=HOSTILE)
@example("net.a", "-v")
def test_a_setting(name: str, value: str) -> None:
    """Its key and its value are no secrets, and still no part of a word but the key's own."""
    try:
        want = SysctlSpec.model_validate({"settings": [{"name": name, "value": value}]})
    except ValueError:
        return
    plan = planned(sysctl.ASPECT, want, Machine(kernel={name: "old"}))
    assert plan
    assert [leak for step in plan for leak in leaks(step)] == []


SERVICE = "  {}:\n    image: {}\n    restart: always\n"
WAITS = "    depends_on: {{{}: {{condition: service_healthy}}}}\n"


@unhurried
@given(name=HOSTILE, image=MARKED, secret=st.booleans(), pulled=st.booleans())
@example("--remove-orphans", CANARY, True, True)
@example("a b", CANARY, True, False)
@example("--", CANARY, True, True)
@example("-V", CANARY, True, True)
@example("a", CANARY, True, True)
def test_a_release(name: str, image: str, secret: bool, pulled: bool) -> None:
    """Also the names of services, which become words: none may be an option of compose."""
    said = repr(name).replace("\\", "").replace("\n", "")
    text = f"services:\n{SERVICE.format(said, repr(image))}"
    text += SERVICE.format("b", "x") + WAITS.format(said)
    section = ComposeSpec.model_validate({"version": "1.0.0", "file": {"inline": text}})
    want = wanted(compose.ASPECT, section, desired(compose=section))
    if want is None:
        return
    plan = compose.plan(want, facts(secret, want.key if pulled else None))
    assert plan
    assert CANARY.encode() in plan[0].command.data
    assert [leak for step in plan for leak in leaks(step)] == []
    named = [one for step in plan for one in step.command.words[14:] if one != "--"]
    assert not [one for one in named if one.startswith("-")]


def facts(secret: bool, pulled: str | None) -> Any:
    """An empty node, with the node's secret or without, and with the images or without."""
    case = next(c for c in load("compose") if c.path.stem == "first_deploy_pulls_first")
    seen = case.facts()
    results = {"pull": Result(pulled, True, "OK", "-", 1, 0)} if pulled else {}
    return replace(
        seen,
        env=replace(seen.env, protected_present=secret),
        releases=replace(seen.releases, results=results),
    )


@unhurried
@given(word=st.text(max_size=8) | HOSTILE)
def test_a_word_that_is_not_plain_is_no_command(word: str) -> None:
    plain = WORD.fullmatch(word) is not None
    with contextlib.nullcontext() if plain else pytest.raises(ValueError, match="plain word"):
        Command("probe", (word,))


def test_a_planted_leak_is_found() -> None:
    """Else the properties above would prove nothing."""
    good = Command("put_file", ("/etc/x",), CANARY.encode())
    assert list(leaks(Step("write", good))) == []
    assert list(leaks(Step(f"write {CANARY}", good))) == ["text", "repr"]
    assert list(leaks(Step("write", good, item=CANARY))) == ["item", "repr"]
    bad = Command("put_file", (f"/etc/{CANARY}",), b"")
    assert {"words", "command line", "repr"} <= set(leaks(Step("write", bad)))
    forced = Command("put_file", ("x",))
    object.__setattr__(forced, "words", ("x';id;'",))
    assert "word x';id;'" in list(leaks(Step("write", forced)))
    assert "quoting" in list(leaks(Step("write", forced)))


def test_every_aspect_that_writes_is_tried_here() -> None:
    assert {a.name for a in ASPECTS.values() if a.writes} == {"env", "cron", "sysctl", "compose"}
