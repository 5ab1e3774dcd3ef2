"""Variables of the node's ``.env``: only the managed lines; every other byte stays as it is.

Values travel to the node and never back: the node itself compares, as docker compose would read
them. With compose managed too, both are one deployment, and nothing is written from here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kaitu.core import dotenv
from kaitu.core.aspect import Answers, Aspect, Probe, Problem
from kaitu.core.command import Command
from kaitu.core.desired import Desired
from kaitu.core.facts import EnvFacts, parse_env
from kaitu.core.plan import Plan, Step
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.core.sections import EnvSpec
from kaitu.core.text import MOST_SHOWN, one_line

_MENDABLE: Final = frozenset({"differs", "missing", "duplicate"})


@dataclass(frozen=True, slots=True)
class EnvWant:
    """The variables with their values; ``standalone`` when no compose section deploys them."""

    directory: str
    variables: Mapping[str, Secret] = field(repr=False)
    protected: tuple[str, ...]
    standalone: bool


def want(section: EnvSpec, desired: Desired) -> EnvWant:
    return EnvWant(
        desired.directory,
        dotenv.resolve(section, desired),
        tuple(sorted(desired.protected)),
        standalone="compose" not in desired.sections,
    )


def probe(want: EnvWant) -> Probe:
    return Probe({"env": dotenv.question(want.directory, want.variables)})


def parse(answers: Answers, reads: Mapping[str, Any]) -> EnvFacts:  # noqa: ARG001
    return parse_env(answers)


def plan(want: EnvWant, facts: EnvFacts) -> Plan:
    """One merge of what differs; nothing where the merge would be refused, or compose deploys."""
    if not want.standalone or not _editable(facts):
        return ()
    off = [name for name in want.variables if facts.states.get(name) in _MENDABLE]
    if not off:
        return ()
    data = dotenv.lines({name: want.variables[name] for name in off})
    protected = [",".join(want.protected)] if want.protected else []
    command = Command("merge_env", (want.directory, str(len(data)), *protected), data)
    missing = all(facts.states[name] == "missing" for name in off)
    names = one_line(", ".join(off), MOST_SHOWN)
    return (
        Step(
            f"set {names} in .env", command, item=names, kind="missing" if missing else "changed"
        ),
    )


def _editable(facts: EnvFacts) -> bool:
    return facts.readable and not facts.unclosed and not _tangled(facts)


def _tangled(facts: EnvFacts) -> list[str]:
    return [name for name, state in facts.states.items() if state == "multiline"]


def problem(want: EnvWant, facts: EnvFacts) -> Problem | None:
    path = f"{want.directory}/.env"
    if not facts.readable:
        return Problem(Reason.UNSAFE_PATH, f"{path} is no plain file of sane length; not touched")
    if facts.unclosed:
        return Problem(Reason.ENV_UNPARSABLE, f"{path} has an open quote or a NUL; not touched")
    if names := _tangled(facts):
        text = f"{path}: {_listed(names)} shares a line with another value; not touched"
        return Problem(Reason.ENV_UNSAFE, text)
    if not facts.protected_present:
        return Problem(Reason.PROTECTED_MISSING, f"{path} has no K2_NODE_SECRET, or it is empty")
    if not want.standalone and not facts.in_sync:
        off = [name for name, state in facts.states.items() if state != "same"]
        return Problem(Reason.AWAITS_DEPLOYMENT, f"{path}: {_listed(off)} not as wanted")
    return None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def report(want: EnvWant, facts: EnvFacts) -> dict[str, Any]:
    same = sum(facts.states.get(name) == "same" for name in want.variables)
    counts = {
        "managed": len(want.variables),
        "inSync": same,
        "protectedPresent": facts.protected_present,
    }
    evidence = [f"{name} in {want.directory}/.env" for name in facts.compose_names]
    findings = [{"signature": "ComposeNameInEnv", "evidence": text} for text in evidence]
    return {"env": counts, **({"findings": findings} if findings else {})}


ASPECT: Final = Aspect(
    name="env",
    want=want,
    probe=probe,
    parse=parse,
    plan=plan,
    problem=problem,
    report=report,
)
