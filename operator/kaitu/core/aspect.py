"""The contract of a managed thing: five pure functions and the names of what it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import Any, Final, Generic, TypeVar

from kaitu.core.command import Command
from kaitu.core.desired import Desired
from kaitu.core.errors import UnparsableError
from kaitu.core.plan import Plan
from kaitu.core.reasons import Reason
from kaitu.core.text import lines

Section = TypeVar("Section")
Want = TypeVar("Want")
Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True)
class Probe:
    """What to look at: fragments of the one probe script with their data, and ports to dial.

    ``fragments`` maps a fragment's name (``scripts/probe_<name>.sh``) to what it reads on stdin;
    two aspects may ask for the same fragment with the same data. ``dials`` are TCP ports that
    the operator itself tries to open; their answers come as the fragment ``dial``.
    """

    fragments: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    dials: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one fragment printed, and its exit code."""

    rc: int
    out: bytes = field(repr=False)


Answers = Mapping[str, Answer]


def answered(answers: Answers, name: str) -> Answer:
    """One fragment's answer; the fragment must have come to its end."""
    answer = answers.get(name)
    if answer is None or answer.rc != 0:
        raise UnparsableError(f"{name} was not answered" if answer is None else f"{name} failed")
    return answer


def rows(answers: Answers, name: str) -> list[list[str]]:
    """The lines of one fragment, each cut at its tabs."""
    return [line.split("\t") for line in lines(answered(answers, name).out, name)]


REMEMBERED: Final = 256
SHORT: Final = 1 << 14


def remembered(parse: Callable[[Answer], Facts]) -> Callable[[Answer], Facts]:
    """The same bytes say the same: visits that find nothing new, and nodes that are alike, share
    what the latest short answers say.
    """
    known = lru_cache(REMEMBERED)(parse)

    @wraps(parse)
    def read(answer: Answer) -> Facts:
        return known(answer) if len(answer.out) <= SHORT else parse(answer)

    return read


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong that no step mends, for people; ``message`` names the thing."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Foresight(Generic[Want, Facts]):
    """How a plan that is shown and not carried out tells what its steps would do.

    ``ask`` gives the reading command that finds it out, or None where nothing need be asked;
    ``tell`` gives the plan anew, and raises ``KaituError`` where the answer says that it cannot.
    """

    ask: Callable[[Want, Facts, Plan], Command | None]
    tell: Callable[[Want, Facts, Plan, Answers], Plan]


@dataclass(frozen=True, slots=True)
class Aspect(Generic[Section, Want, Facts]):
    """One managed thing.

    ``want`` takes the section of the spec and the resolved ``Desired`` and gives what the other
    functions need. ``parse`` gets the answers and the facts of the aspects in ``reads``, and
    raises ``UnparsableError`` rather than guess. ``report`` gives top-level keys of the status;
    its ``findings`` are lists of ``{signature, evidence}``, joined over all aspects.
    ``remains`` is what is still looked at and finished where the section cannot be resolved.
    An aspect that only watches says ``writes=False``; one whose steps move more than they say has
    ``foresight``.
    """

    name: str
    want: Callable[[Section, Desired], Want]
    probe: Callable[[Want], Probe]
    parse: Callable[[Answers, Mapping[str, Any]], Facts]
    plan: Callable[[Want, Facts], Plan]
    problem: Callable[[Want, Facts], Problem | None]
    report: Callable[[Want, Facts], dict[str, Any]]
    reads: tuple[str, ...] = ()
    writes: bool = True
    foresight: Foresight[Want, Facts] | None = None
    remains: "Aspect[Section, Any, Facts] | None" = None
