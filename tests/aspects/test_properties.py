"""What must hold for every wish and every (simulated) machine, thought of or not."""

import contextlib
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aspects.simulated import File, Machine
from kaitu.aspects import cron, env, sysctl
from kaitu.core import dotenv
from kaitu.core.aspect import Answer, Aspect
from kaitu.core.desired import Desired
from kaitu.core.errors import UnparsableError
from kaitu.core.facts import EnvFacts
from kaitu.core.sections import CronSpec, EnvSpec, SysctlSpec
from kaitu.core.text import MARK, MOST_SHOWN

ASPECTS = (sysctl.ASPECT, cron.ASPECT, env.ASPECT)
# few names and few values: meeting what is there already is the point
KEYS = ("net.a", "net.b", "net.c", "net.d-e.f_g")
NUMBERS = st.sampled_from(["0", "1", "00", "bbr", "4096 131072", "4096\t131072", "1  2"])
ENTRIES = ("a", "b", "c")
COMMANDS = st.sampled_from(["true", "a 'b' \"c\"", "x  y"])
NAMES = ("A", "B", "C")
VALUES = st.one_of(
    st.sampled_from(["", "0", "x", "*", "a b", "$A"]), st.text('x0 #$"é=', max_size=4)
)
FIRST = st.sampled_from([MARK, "", f"{MARK} ", "# somebody's"])


def desired(**sections: Any) -> Desired:
    return Desired("fleet", "node-1", sections, {})


@st.composite
def settings(draw: st.DrawFn) -> SysctlSpec:
    names = draw(st.lists(st.sampled_from(KEYS), unique=True))
    optional = st.sampled_from([None, True, False])
    return SysctlSpec.model_validate(
        {
            "settings": [
                {"name": n, "value": draw(NUMBERS), "optional": draw(optional)} for n in names
            ]
        }
    )


@st.composite
def files(draw: st.DrawFn) -> File:
    text = draw(st.sampled_from(["", "net.a = 1\n", "17 3 * * * root true\n", "-net.b = 0"]))
    content = f"{draw(FIRST)}\n{text}".encode()
    return File(
        content, draw(st.sampled_from(["644", "600"])), draw(st.sampled_from(["0:0", "1:1"]))
    )


@given(
    want=settings(),
    kernel=st.dictionaries(st.sampled_from(KEYS), NUMBERS),
    file=st.none() | files(),
)
def test_sysctl_converges_and_leaves_the_rest_alone(
    want: SysctlSpec, kernel: dict[str, str], file: File | None
) -> None:
    machine = Machine({sysctl.DROP_IN: file} if file else {}, dict(kernel))
    names = {setting.name for setting in want.settings}

    first, second = machine.converge(sysctl.ASPECT, want)

    assert second == ()
    assert sum(step.disrupts == "host" for step in first) <= 1
    assert machine.kernel.keys() == kernel.keys()
    assert all(machine.kernel[key] == kernel[key] for key in kernel.keys() - names)
    for setting in want.settings:
        now = machine.kernel.get(setting.name, setting.value)
        assert now.split() == setting.value.split()
    left = machine.files.get(sysctl.DROP_IN)
    if file and not file.ours:
        assert left is file
    else:
        right = (sysctl.render(want), "644") if names else None
        assert ((left.content, left.mode) if left else None) == right


@st.composite
def entries(draw: st.DrawFn) -> CronSpec:
    names = draw(st.lists(st.sampled_from(ENTRIES), unique=True))
    users = st.sampled_from(["root", "nobody", "stranger", None])
    schedules = st.sampled_from(["@daily", "*/5 0-3 1,2 * mon"])
    return CronSpec.model_validate(
        {
            "entries": [
                {
                    "name": n,
                    "schedule": draw(schedules),
                    "user": draw(users),
                    "command": draw(COMMANDS),
                }
                for n in names
            ]
        }
    )


PATHS = st.sampled_from([f"{cron.FOLDER}/kaitu-{name}" for name in (*ENTRIES, "z", "y")])


@given(want=entries(), found=st.dictionaries(PATHS, files()))
def test_cron_converges_and_leaves_the_rest_alone(want: CronSpec, found: dict[str, File]) -> None:
    machine = Machine(dict(found))

    _, second = machine.converge(cron.ASPECT, want)

    assert second == ()
    theirs = {path: file for path, file in found.items() if not file.ours}
    assert {path: file for path, file in machine.files.items() if not file.ours} == theirs
    for entry in want.entries:
        path = f"{cron.FOLDER}/kaitu-{entry.name}"
        if path not in theirs:
            right = found.get(path) if entry.user == "stranger" else File(cron.render(entry))
            assert machine.files.get(path) == right
    kept = {f"{cron.FOLDER}/kaitu-{entry.name}" for entry in want.entries}
    assert machine.files.keys() - theirs.keys() <= kept


@given(want=entries(), found=st.dictionaries(PATHS, files()))
def test_cron_is_silent_only_about_what_is_in_order(
    want: CronSpec, found: dict[str, File]
) -> None:
    machine = Machine(dict(found))
    machine.converge(cron.ASPECT, want)

    problem = cron.problem(want, machine.facts(cron.ASPECT, want))

    paths = [f"{cron.FOLDER}/kaitu-{entry.name}" for entry in want.entries]
    right = all(
        machine.files.get(path) == File(cron.render(entry))
        for path, entry in zip(paths, want.entries, strict=True)
    )
    assert right or problem is not None


@given(
    values=st.dictionaries(st.sampled_from(NAMES), VALUES),
    found=st.lists(st.tuples(st.sampled_from((*NAMES, "Z")), st.sampled_from(["", "x", "'*'"]))),
)
def test_env_converges_and_leaves_the_rest_alone(
    values: dict[str, str], found: list[tuple[str, str]]
) -> None:
    section = EnvSpec.model_validate(
        {"vars": [{"name": n, "value": v} for n, v in values.items()]}
    )
    want = env.want(section, desired(env=section))
    machine = Machine(env=list(found))

    first, second = machine.converge(env.ASPECT, want)

    assert second == ()
    assert len(first) <= 1
    assert env.report(want, machine.facts(env.ASPECT, want))["env"]["inSync"] == len(values)
    theirs = [line for line in found if line[0] not in values]
    assert [line for line in machine.env if line[0] not in values] == theirs


@given(values=st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1))
def test_env_writes_nothing_when_compose_deploys(values: dict[str, str]) -> None:
    section = EnvSpec.model_validate(
        {"vars": [{"name": n, "value": v} for n, v in values.items()]}
    )
    want = env.want(section, desired(env=section, compose=object()))

    assert Machine().converge(env.ASPECT, want) == ((), ())


TEXT = st.text(st.characters(exclude_characters="'\\\r\n\0", exclude_categories=["Cs"]))


@given(value=TEXT | st.text('a1 #$;&|*?~"`!(<{[\t%^'))
def test_sh_reads_back_what_is_rendered(value: str) -> None:
    rendered = dotenv.render(value)

    assert shlex.split(f"A={rendered}") == [f"A={value}"]
    assert "\n" not in rendered


@given(value=st.text(min_size=8).map(lambda text: f"canary{text}"))
def test_no_value_can_be_seen_in_want_probe_or_plan(value: str) -> None:
    section = EnvSpec.model_construct(vars=())
    try:
        section = EnvSpec.model_validate({"vars": [{"name": "A", "value": value}]})
    except ValueError:
        return
    want = env.want(section, desired(env=section))
    plan = env.plan(want, Machine().facts(env.ASPECT, want))

    report = env.report(want, EnvFacts(present=True))
    shown = f"{section!r} {want!r} {env.probe(want)!r} {plan!r} {report!r}"
    assert plan
    assert "canary" not in shown


WORDS = (
    *("running", "absent", "dropin", "later", "file", "daemon", "active", "user", "yes", "no"),
    *("ours", "foreign", "-", "protected", "unclosed", "state", "same", "A", "1", "YQ==", "/w=="),
    *("=", "", "\x00", "é", "0" * 64),
)
LINES = st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map("\t".join)).map(
    lambda lines: "".join(f"{line}\n" for line in lines).encode()
)


@pytest.mark.parametrize("aspect", ASPECTS, ids=lambda aspect: aspect.name)
@given(out=st.one_of(st.binary(), LINES))
def test_any_answer_is_read_or_refused(aspect: Aspect[Any, Any, Any], out: bytes) -> None:
    with contextlib.suppress(UnparsableError):
        facts = aspect.parse({aspect.name: Answer(0, out)}, {})
        assert out, facts


@pytest.mark.parametrize("aspect", ASPECTS, ids=lambda aspect: aspect.name)
def test_no_answer_and_a_failed_fragment_are_refused(aspect: Aspect[Any, Any, Any]) -> None:
    for answers in ({}, {aspect.name: Answer(1, b"dropin\t-\n")}):
        with pytest.raises(UnparsableError):
            aspect.parse(answers, {})


def test_what_is_shown_of_the_longest_wishes_is_bounded() -> None:
    many = [{"name": f"net.{'x' * 120}{n}", "value": "9" * 250} for n in range(64)]
    want = SysctlSpec.model_validate({"settings": many})
    machine = Machine(kernel={setting["name"]: "1 " * 200 for setting in many})

    plan, _ = machine.converge(sysctl.ASPECT, want)

    assert len(plan) == 2
    assert all(len(step.text) <= MOST_SHOWN and len(step.item) <= MOST_SHOWN for step in plan)
