"""The moves of a release against a model of the node, whatever the jobs end with.

The model knows nothing of Docker: it is files, images, a record and how the last jobs ended, as
the node's scripts keep them. That they do keep them so is shown on a real node.
"""

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from kaitu.aspects import compose
from kaitu.core.command import Command
from kaitu.core.containers import Container, Engine
from kaitu.core.deployment import ComposeFacts, ComposeWant, job
from kaitu.core.desired import Desired
from kaitu.core.facts import EnvFacts
from kaitu.core.plan import Disrupts
from kaitu.core.release import Held, Record, Releases, Result, Running
from kaitu.core.sections import ComposeSpec, EnvSpec
from kaitu.core.text import digest

RELEASES = ("1", "2", "3")
VALUES = ("a", "b")
PULLS = ("OK", "EPULL", "ERATELIMIT", "ENOIMAGE", "EINVALID", "killed")
UPS = ("OK", "EGATE", "EUP", "EVERIFY", "ECONFLICT", "EDOCKER", "ENOTPULLED", "killed")
HOLDS = frozenset({"EGATE", "EUP", "EVERIFY"})
AFTER_SWAP = HOLDS | {"OK", "EDOCKER", "killed"}


def want(release: str, value: str) -> ComposeWant:
    text = f"services: {{a: {{image: 'i:{release}', restart: always}}}}\n"
    section = ComposeSpec.model_validate({"version": release, "file": {"inline": text}})
    env = EnvSpec.model_validate({"vars": [{"name": "A", "value": value}]})
    sections = {"compose": section, "env": env}
    return compose.want(section, Desired("fleet", "n", sections, {}))


RUNNING = Container(
    *("1", "a", "i", "i", "running", ""),
    *(0, "2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", 0, False),
    *("kaitu-slave", "a", "/apps/kaitu-slave", "h"),
)
Input = tuple[str, str]  # key, and what stands for the digest of the managed lines


@dataclass
class Model:
    """What lies on the node; ``input`` is (key, managed lines)."""

    file: str = "absent"
    env: bytes = b""
    images: set[str] = field(default_factory=set)
    record: tuple[Input, str] | None = None
    held: tuple[Input, str] | None = None
    pending: str = ""
    results: dict[str, tuple[Input, str, int]] = field(default_factory=dict)
    runs: Input | None = None

    def facts(self, wanted: ComposeWant, age: int = 1_000) -> ComposeFacts:
        now = (wanted.key, wanted.lines.decode())
        same = {"A": "same" if self.env == wanted.lines else "differs"}
        return ComposeFacts(
            engine=Engine("ok", "26.1", "2.26.1", (RUNNING,)),
            releases=Releases(
                directory="present",
                file=self.file,
                record=self._record(now),
                held=self.held and self._held(*self.held, now),
                pending=self.pending,
                results={
                    kind: Result(done[0], done[1] == now[1], code, "a", tries, age)
                    for kind, (done, code, tries) in self.results.items()
                },
            ),
            env=EnvFacts(True, same, protected_present=True),
            owned=True,
        )

    def _record(self, now: Input) -> Record | None:
        if self.record is None:
            return None
        (key, lines), file = self.record
        return Record(key, "v", file, lines == now[1], {})

    @staticmethod
    def _held(of: Input, code: str, now: Input) -> Held:
        return Held(of[0], of[1] == now[1], code, "a", "restored", of[0])

    def do(self, wanted: ComposeWant, command: Command, code: str) -> None:
        kind, now = command.words[0], (wanted.key, wanted.lines.decode())
        if kind == "up" and code in AFTER_SWAP:
            self.file, self.env = digest(wanted.content), wanted.lines
            self.pending, self.runs = wanted.key, None
        if kind == "up" and code == "OK":
            self.record, self.runs = (now, self.file), now
            self.held, self.pending = None, ""
        if kind == "up" and code in HOLDS:
            self.held = (now, code)
            self._restore()
        if kind == "pull" and code == "OK":
            self.images.add(wanted.key)
        self._end(kind, now, code)

    def _restore(self) -> None:
        """What was verified before comes back; without it, all is left as it is."""
        if self.record is None:
            return
        ((key, lines), self.file), self.pending = self.record, ""
        self.env, self.runs = lines.encode(), (key, lines)
        self.results.pop("pull", None)

    def _end(self, kind: str, now: Input, code: str) -> None:
        if code == "ENOTPULLED":
            self.images.clear()
            self.results.pop("pull", None)
        if code != "killed":
            last = self.results.get(kind)
            again = last is not None and last[0] == now and last[1] != "OK"
            self.results[kind] = (now, code, last[2] + 1 if last and again else 1)


def visit(
    model: Model, wanted: ComposeWant, pull: str, up: str, *, slot: bool = False
) -> str | None:
    """One visit; what kind of job it started. With a slot, both in one job where that may be."""
    facts = model.facts(wanted)
    plan = compose.plan(wanted, facts)
    assert len(plan) <= 1
    assert compose.plan(wanted, replace(facts, releases=busy(facts.releases))) == ()
    if not plan:
        return None
    kind = plan[0].command.words[0]
    held = facts.releases.held
    assert not (held and held.key == wanted.key and held.env_same), "held, and tried again"
    assert plan[0].disrupts is (Disrupts.SERVICES if kind == "up" else Disrupts.NOTHING)
    if kind == "up" and wanted.key not in model.images:
        up = "ENOTPULLED"
    model.do(wanted, plan[0].command, pull if kind == "pull" else up)
    whole = plan[0].at_once
    if slot and whole and pull == "OK":
        assert (whole.command.words[0], whole.disrupts) == ("deploy", Disrupts.SERVICES)
        model.do(wanted, job(wanted, "up"), up)
        return "deploy"
    return kind


def busy(releases: Releases) -> Releases:
    return replace(releases, running=Running("up", "k", "gate"))


def in_order(model: Model, wanted: ComposeWant) -> bool:
    return model.runs == (wanted.key, wanted.lines.decode()) and model.env == wanted.lines


WISHES = st.tuples(st.sampled_from(RELEASES), st.sampled_from(VALUES))
VISITS = st.lists(
    st.tuples(WISHES, st.sampled_from(PULLS), st.sampled_from(UPS), st.booleans()),
    min_size=1,
    max_size=14,
)
History = list[tuple[Input, str, str, bool]]


@given(VISITS, WISHES)
def test_whatever_happened_before_a_good_release_comes_to_run(
    history: History, last: Input
) -> None:
    model = Model()
    for wish, pull, up, slot in history:
        visit(model, want(*wish), pull, up, slot=slot)
    wanted = want(*last)
    model.held = None  # a person corrected the release; what is held is not tried again

    kinds = [visit(model, wanted, "OK", "OK") for _ in range(4)]

    assert in_order(model, wanted), kinds
    assert kinds[-1] is None
    assert compose.problem(wanted, model.facts(wanted)) is None or not model.record


@given(VISITS)
def test_in_order_is_only_said_of_what_was_verified(history: History) -> None:
    model = Model()
    for wish, pull, up, slot in history:
        wanted = want(*wish)
        started = visit(model, wanted, pull, up, slot=slot)
        facts = model.facts(wanted)
        calm = not compose.plan(wanted, facts) and compose.problem(wanted, facts) is None
        if started is None and calm:
            assert in_order(model, wanted)


@given(WISHES, st.sampled_from(sorted(HOLDS)), WISHES)
def test_a_hold_is_about_its_input_alone(wish: Input, code: str, other: Input) -> None:
    model, wanted = Model(), want(*wish)
    visit(model, wanted, "OK", code)
    visit(model, wanted, "OK", code)

    assert compose.plan(wanted, model.facts(wanted)) == ()
    found = compose.problem(wanted, model.facts(wanted))
    assert found is not None
    assert "a" in found.message
    assert bool(compose.plan(want(*other), model.facts(want(*other)))) is (other != wish)


@given(st.sampled_from(["EPULL", "ERATELIMIT", "ENOIMAGE", "EINVALID"]))
def test_a_failed_pull_is_not_hot(code: str) -> None:
    model, wanted = Model(), want("1", "a")
    visit(model, wanted, code, "OK")

    assert compose.plan(wanted, model.facts(wanted, age=4)) == ()
    assert compose.problem(wanted, model.facts(wanted, age=4)) is not None
    assert compose.plan(wanted, model.facts(wanted, age=900)) != ()


def test_other_variables_are_asked_of_the_brake_like_another_release() -> None:
    """One wrong value in a Secret that all share must not walk through the fleet."""
    model = Model()
    for wish in (("1", "a"), ("1", "b")):
        wanted = want(*wish)
        (step,) = compose.plan(wanted, model.facts(wanted))
        assert (step.at_once or step).release == wanted.key
        for _ in range(3):
            visit(model, wanted, "OK", "OK")
