"""Cases as data: what is wanted, what the node answers, and what must follow from both.

A case is ``tests/cases/<aspect>/<case>.yaml``, the folder's name being the aspect's:

    why: one sentence
    spec: {<section>: {...}}       # as users write it; with the sections that the aspect reads
    requests: {retry, pull_at, now} # of Desired, as its fields are called
    directory, protected, values   # of Desired, where they matter; values: {secret/key: text}
    answers:                       # what the fragments (and `dial`) print: text, or a list of
      sysctl:                      # lines that are lists of fields; !b64 encodes a field
        - [running, net.core.somaxconn, !b64 "128"]
    facts: {...}                   # optional: only the named fields are compared
    plan: [texts of the steps]     # or {text, item, kind, disrupts, script, words, data}
    problem: {reason, message}     # or null
    report: {...}                  # optional
    real: true                     # the plan is also carried out on a real node, which is first
                                   # given {files, kernel, links}, should they stand here
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from kaitu.api.node import ASPECTS, NodeSpec
from kaitu.core.aspect import Answer, Answers, Aspect
from kaitu.core.desired import DEFAULT_DIRECTORY, PROTECTED_NAMES, Desired, Reference, Requests
from kaitu.core.plan import Step
from kaitu.core.secrets import Secret

FOLDER = Path(__file__).resolve().parent.parent / "cases"
STEP = frozenset({"text", "item", "kind", "disrupts", "script", "words", "data"})
NEEDED = frozenset({"why", "spec", "answers", "plan", "problem"})
KEYS = NEEDED | {"requests", "directory", "protected", "values", "facts", "report", "real"}


class _Loader(yaml.SafeLoader):
    """YAML with !b64, for fields that travel encoded."""


def _b64(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return base64.b64encode(str(loader.construct_scalar(node)).encode()).decode()


_Loader.add_constructor("!b64", _b64)


@dataclass(frozen=True)
class Case:
    """One file, and the aspect that it is about."""

    path: Path
    aspect: Aspect[Any, Any, Any]
    text: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.aspect.name}/{self.path.stem}"

    @property
    def real(self) -> Mapping[str, Any] | None:
        """How to lay out a real node for this case; None when it is not for one."""
        real = self.text.get("real")
        return {} if real is True else real

    def desired(self) -> Desired:
        return Desired(
            namespace="fleet",
            name="node-1",
            sections={name: section(name, value) for name, value in self.text["spec"].items()},
            values=dict(self._values()),
            directory=self.text.get("directory", DEFAULT_DIRECTORY),
            protected=frozenset(self.text.get("protected", PROTECTED_NAMES)),
            requests=Requests(**self.text.get("requests", {})),
        )

    def _values(self) -> Iterator[tuple[Reference, Secret]]:
        for place, value in self.text.get("values", {}).items():
            name, _, key = place.partition("/")
            for kind in ("Secret", "ConfigMap"):
                yield Reference(kind, name, key), Secret(value)

    def want(self, name: str | None = None) -> Any:
        desired = self.desired()
        name = name or self.aspect.name
        return ASPECTS[name].want(desired.sections[name], desired)

    def facts(self, answers: Answers | None = None, name: str | None = None) -> Any:
        """What the aspect makes of the case's answers, or of these; first, of what it reads."""
        answers = self.answers() if answers is None else answers
        aspect = ASPECTS[name or self.aspect.name]
        reads = [other for other in aspect.reads if other in self.text["spec"]]
        read = {other: self.facts(answers, other) for other in reads}
        return aspect.parse(answers, read)

    def answers(self) -> dict[str, Answer]:
        return {name: Answer(0, output(told)) for name, told in self.text["answers"].items()}

    def assert_facts(self, facts: Any) -> None:
        seen, expected = plain(facts), self.text.get("facts", {})
        assert {key: seen[key] for key in expected} == expected

    def assert_steps(self, want: Any, facts: Any, *, only: frozenset[str] = STEP) -> None:
        """``only`` names what of a step is compared; the text always is."""
        steps = [told(step) for step in self.aspect.plan(want, facts)]
        expected = [{"text": one} if isinstance(one, str) else one for one in self.text["plan"]]
        assert [step["text"] for step in steps] == [one["text"] for one in expected]
        for step, one in zip(steps, expected, strict=True):
            assert {k: step[k] for k in one if k in only} == {k: one[k] for k in one if k in only}

    def assert_problem(self, want: Any, facts: Any) -> None:
        problem, expected = self.aspect.problem(want, facts), self.text["problem"]
        if expected is None:
            assert problem is None
        else:
            assert problem is not None
            seen = {"reason": problem.reason.value, "message": problem.message}
            assert {key: seen[key] for key in expected} == expected


def section(name: str, value: Any) -> Any:
    """The section as its model sees it: a case with an impossible spec is no case."""
    adapter: TypeAdapter[Any] = TypeAdapter(NodeSpec.model_fields[name].annotation or Any)
    return adapter.validate_python(value)


def output(told: str | list[list[str]]) -> bytes:
    if isinstance(told, str):
        return told.encode()
    return "".join("\t".join(str(one) for one in line) + "\n" for line in told).encode()


def load(name: str) -> list[Case]:
    """The cases of one aspect, by file name."""
    paths = sorted((FOLDER / name).glob("*.yaml"))
    return [Case(path, ASPECTS[name], _read(path)) for path in paths]


def _read(path: Path) -> Mapping[str, Any]:
    text = yaml.load(path.read_text(), _Loader)  # noqa: S506 - a SafeLoader with one tag more
    unknown = text.keys() - KEYS
    lacking = NEEDED - text.keys()
    assert not unknown, f"{path} has {sorted(unknown)}"
    assert not lacking, f"{path} lacks {sorted(lacking)}"
    return dict(text)


def every() -> list[Case]:
    return [case for name in ASPECTS for case in load(name)]


def plain(value: Any) -> Any:
    """As YAML would say it: dataclasses are maps, tuples are lists, bytes are text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        ordered = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain(one) for one in ordered]
    return value.decode() if isinstance(value, bytes) else value


def told(step: Step) -> dict[str, Any]:
    """Everything about a step that a case may speak of."""
    return {
        "text": step.text,
        "item": step.item,
        "kind": step.kind,
        "disrupts": step.disrupts.value,
        "script": step.command.script,
        "words": list(step.command.words),
        "data": step.command.data.decode(),
    }
