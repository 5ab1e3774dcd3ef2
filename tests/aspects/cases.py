"""Cases as data: what is wanted, what the node answers, and what must follow from both.

A case is ``tests/cases/<aspect>/<case>.yaml``, the folder's name being the aspect's:

    why: one sentence
    spec: {<section>: {...}}       # as users write it; with the sections that the aspect reads
    directory, protected, values   # of Desired, where they matter; values: {secret/key: text}
    answers:                       # what the fragments (and `dial`) print: text, or a list of
      sysctl:                      # lines that are lists of fields; !b64 encodes a field
        - [running, net.core.somaxconn, !b64 "128"]
    facts: {...}                   # optional: only the named fields are compared
    plan: [texts of the steps]     # or {text, item, kind, disrupts, script, words, data}
    problem: {reason, message}     # or null
    report: {...}                  # optional
    real: true                     # the plan is also carried out on a real node
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from kaitu.api.node import ASPECTS, NodeSpec
from kaitu.core.aspect import Answer, Aspect
from kaitu.core.desired import DEFAULT_DIRECTORY, PROTECTED_NAMES, Desired, Reference
from kaitu.core.plan import Step
from kaitu.core.secrets import Secret

FOLDER = Path(__file__).resolve().parent.parent / "cases"
NEEDED = frozenset({"why", "spec", "answers", "plan", "problem"})
KEYS = NEEDED | {"directory", "protected", "values", "facts", "report", "real"}


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
    def real(self) -> bool:
        return bool(self.text.get("real"))

    def desired(self) -> Desired:
        return Desired(
            namespace="fleet",
            name="node-1",
            sections={name: section(name, value) for name, value in self.text["spec"].items()},
            values=dict(self._values()),
            directory=self.text.get("directory", DEFAULT_DIRECTORY),
            protected=frozenset(self.text.get("protected", PROTECTED_NAMES)),
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

    def facts(self, name: str | None = None) -> Any:
        """What the aspect makes of the answers; first, what the aspects make that it reads."""
        aspect = ASPECTS[name or self.aspect.name]
        read = {other: self.facts(other) for other in aspect.reads if other in self.text["spec"]}
        return aspect.parse(self.answers(), read)

    def answers(self) -> dict[str, Answer]:
        return {name: Answer(0, output(told)) for name, told in self.text["answers"].items()}


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
