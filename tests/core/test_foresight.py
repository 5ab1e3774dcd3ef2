"""What a release does to services: the rules of compose and of our job, as a table."""

import pytest

from kaitu.core.aspect import Answer
from kaitu.core.errors import KaituError, UnparsableError
from kaitu.core.foresight import Ripple, parse, predict, ripple
from kaitu.core.plan import Action
from kaitu.core.reasons import Reason

QUIET = """
service a 1
service b 1
service c 1
image a sha256:1
image b sha256:1
image c sha256:1
hash a h
hash b h
hash c h
container a h sha256:1 running
container b h sha256:1 running
container c h sha256:1 running
needs b a
needs c b
"""
OLD, ALL, TOLD = Ripple
R, S, U = Action.RECREATED, Action.STARTED, Action.UNSURE


def answer(text: str) -> dict[str, Answer]:
    lines = text.strip().splitlines()
    return {
        "foresee": Answer(0, "".join(f"{line}\n" for line in lines).replace(" ", "\t").encode())
    }


def touched(
    changes: dict[str, str], *, more: str = "", gate: tuple[str, ...] = (), how: Ripple = OLD
) -> dict[str, Action]:
    """After some lines of a quiet node were replaced; each of them must be there."""
    text = QUIET
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    seen = parse(answer(text + more))
    return dict(predict(seen, gate, ("gone",), how))


NEW_A = {"hash a h": "hash a new"}
GONE = "container gone x y running\n"

TABLE = {
    "nothing": (touched({}), {}),
    "a leaf": (touched({"hash c h": "hash c new"}), {"c": R}),
    "what others need, by an older compose": (touched(NEW_A), {"a": R, "b": R, "c": R}),
    "what others need, by a newer one": (touched(NEW_A, how=TOLD), {"a": R}),
    "the gate goes alone": (touched(NEW_A, gate=("a",)), {"a": R}),
    "a gate that needs another one": (touched({}, gate=("b",)), {"b": R, "c": R}),
    "the same, by a newer one": (touched({}, gate=("b",), how=TOLD), {}),
    "an image that was pulled": (
        touched({" sha256:1\nimage": " sha256:2\nimage"}, how=TOLD),
        {"a": R, "b": R},
    ),
    "an image that is not there": (
        touched({"image c sha256:1": "image c -"}),
        {"c": U},
    ),
    "a container that is not there": (touched({"container a h sha256:1 running\n": ""}), {"a": S}),
    "one that stopped": (
        touched({"container a h sha256:1 running": "container a h sha256:1 exited"}),
        {"a": S},
    ),
    "one that is paused": (
        touched({"container c h sha256:1 running": "container c h sha256:1 paused"}),
        {"c": U},
    ),
    "one too many": (touched({"service c 1": "service c 0"}), {"c": Action.REMOVED}),
    "one too few": (touched({"service c 1": "service c 2"}), {"c": S}),
    "one that left": (touched({}, more=GONE), {"gone": Action.REMOVED}),
    "restarted with another": (
        touched(NEW_A, more="restart b a\n", how=TOLD),
        {"a": R, "b": Action.RESTARTED},
    ),
    "restarted with all that it needs": (touched(NEW_A, how=ALL), {"a": R, "b": Action.RESTARTED}),
    "but not with the gate, which goes alone": (
        touched(NEW_A, more="restart b a\n", gate=("a",), how=TOLD),
        {"a": R},
    ),
    "a part of another": (touched(NEW_A, more="shares b a\n", how=TOLD), {"a": R, "b": R}),
    "a part of the gate": (
        touched(NEW_A, more="shares b a\n", gate=("a",)),
        {"a": R, "b": R, "c": R},
    ),
    "a part of one that was gone": (
        touched({"container a h sha256:1 running\n": ""}, more="shares b a\n", how=TOLD),
        {"a": S, "b": R},
    ),
    "what no hash tells": (touched({}, more="opaque b\n"), {"b": U, "c": U}),
    "what no hash tells, by a newer one": (
        touched({}, more="opaque b\n", how=TOLD),
        {"b": U},
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_is_touched(name: str) -> None:
    found, expected = TABLE[name]
    assert found == expected


@pytest.mark.parametrize(
    ("plugin", "how"),
    [((2, 26, 1), OLD), ((2, 29, 7), ALL), ((2, 34), ALL), ((2, 35, 0), TOLD), ((5, 0), TOLD)],
)
def test_each_compose_has_its_way(plugin: tuple[int, ...], how: Ripple) -> None:
    assert ripple(plugin) is how


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("EINVALID", Reason.COMPOSE_INVALID),
        ("EMULTILINE", Reason.ENV_UNSAFE),
        ("EMOUNT", Reason.UNOBSERVED),
    ],
)
def test_a_node_that_cannot_tell(code: str, reason: Reason) -> None:
    with pytest.raises(KaituError) as caught:
        parse(answer(f"refused {code}"))
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "line",
    [
        "service d x",
        "service d 1 j",
        "hash d h",
        "image i",
        "container a h",
        "needs a",
        "odd a b",
        "",
    ],
)
def test_any_other_line_is_refused(line: str) -> None:
    with pytest.raises(UnparsableError):
        parse({"foresee": Answer(0, (QUIET.lstrip() + f"{line}\n").replace(" ", "\t").encode())})


def test_what_the_table_changes_counts() -> None:
    """The control: a rule that is switched off must make the table wrong."""
    assert touched(NEW_A, how=TOLD) != TABLE["what others need, by an older compose"][1]
