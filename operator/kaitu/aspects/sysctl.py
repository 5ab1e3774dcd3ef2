"""Kernel settings: the running value, and the value after a reboot.

We own one file, ``/etc/sysctl.d/99-z-kaitu.conf``; others are only read, to find one that would
win at boot. A key that leaves the spec leaves our file and keeps its running value until a reboot:
the kernel has no default to go back to. An optional key always stands in the file, as ``-key``:
a boot says nothing where the kernel lacks it, and it takes effect when a module brings it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kaitu.core.aspect import Answer, Answers, Aspect, Probe, Problem, answered, remembered, rows
from kaitu.core.command import Command
from kaitu.core.desired import Desired
from kaitu.core.errors import UnparsableError
from kaitu.core.plan import Disrupts, Plan, Step
from kaitu.core.reasons import Reason
from kaitu.core.sections import SettingSpec, SysctlSpec
from kaitu.core.text import MARK, MOST_SHOWN, digest, one_line, unbase64, uncoded

DROP_IN: Final = "/etc/sysctl.d/99-z-kaitu.conf"
_MODE: Final = "644"


@dataclass(frozen=True, slots=True)
class DropIn:
    """Our file as it is on the node."""

    content: bytes = field(repr=False)
    mode: str


@dataclass(frozen=True, slots=True)
class Later:
    """A file that the boot applies after ours, and what it makes of a key."""

    path: str
    value: str


@dataclass(frozen=True, slots=True)
class SysctlFacts:
    """``running`` has the value of each key, None where the kernel lacks it.

    ``unreadable`` are keys that can only be written; ``foreign`` says that something that is not
    ours lies where our file belongs; ``later`` has the last word of other files.
    """

    running: Mapping[str, str | None]
    unreadable: tuple[str, ...] = ()
    drop_in: DropIn | None = None
    foreign: bool = False
    later: Mapping[str, Later] = field(default_factory=dict)


def want(section: SysctlSpec, desired: Desired) -> SysctlSpec:  # noqa: ARG001
    return section


def probe(want: SysctlSpec) -> Probe:
    return Probe({"sysctl": "".join(f"{s.name}\n" for s in want.settings).encode()})


def parse(answers: Answers, reads: Mapping[str, Any]) -> SysctlFacts:  # noqa: ARG001
    return _facts(answered(answers, "sysctl"))


@remembered
def _facts(answer: Answer) -> SysctlFacts:
    running: dict[str, str | None] = {}
    later: dict[str, Later] = {}
    unreadable: list[str] = []
    drop_ins: list[DropIn | str] = []
    for row in rows({"sysctl": answer}, "sysctl"):
        match row:
            case ["running", key, *value] if value:
                running[key] = _flat(_text("\t".join(value)))
            case ["absent", key]:
                running[key] = None
            case ["unreadable", key]:
                unreadable.append(key)
            case ["later", path, key, value]:
                later[key] = Later(one_line(_text(path)), _flat(_text(value)))
            case ["dropin", *about]:
                drop_ins.append(_drop_in(about))
            case _:
                raise UnparsableError(f"a line of sysctl that starts with {one_line(row[0])!r}")
    if len(drop_ins) != 1:
        raise UnparsableError(f"sysctl told of {len(drop_ins)} drop-ins")
    found = drop_ins[0] if isinstance(drop_ins[0], DropIn) else None
    return SysctlFacts(running, tuple(unreadable), found, drop_ins[0] == "foreign", later)


def _drop_in(about: list[str]) -> DropIn | str:
    match about:
        case [("-" | "foreign") as kind]:
            return kind
        case [content, mode]:
            return DropIn(unbase64(content, "the drop-in"), mode)
    raise UnparsableError("a drop-in of sysctl")


def _text(encoded: str) -> str:
    return uncoded(encoded, "a value of sysctl").decode(errors="replace")


def _flat(value: str) -> str:
    """The kernel gives lists of numbers with tabs and takes them with any white space."""
    return " ".join(value.split())


def plan(want: SysctlSpec, facts: SysctlFacts) -> Plan:
    """The file first: should the node reboot in between, it comes up as wanted."""
    return (*_file_steps(want, facts), *_running_steps(want, facts))


def _file_steps(want: SysctlSpec, facts: SysctlFacts) -> Plan:
    old = facts.drop_in
    if facts.foreign:
        return ()
    if not want.settings:
        return (_removal(old),) if old else ()
    content = render(want)
    if old and old.content == content and old.mode == _MODE:
        return ()
    expected = digest(old.content) if old else "absent"
    words = (DROP_IN, _MODE, digest(content), str(len(content)), expected, "mkdir")
    kind = "changed" if old else "missing"
    text = f"write {DROP_IN}{_leaving(want, old)}"
    return (Step(text, Command("put_file", words, content), item=DROP_IN, kind=kind),)


def _removal(old: DropIn) -> Step:
    command = Command("remove_file", (DROP_IN, digest(old.content)))
    text = f"remove {DROP_IN}{_leaving(SysctlSpec(), old)}"
    return Step(text, command, item=DROP_IN, kind="extra")


def render(want: SysctlSpec) -> bytes:
    """Our file; ``-`` before a key means that a failure to set it is no error."""
    lines = [f"{'-' * bool(s.optional)}{s.name} = {_flat(s.value)}" for s in want.settings]
    return "".join(f"{line}\n" for line in (MARK, *lines)).encode()


def _leaving(want: SysctlSpec, old: DropIn | None) -> str:
    """Say which keys stop being ours, as their running values stay."""
    text = old.content.decode(errors="replace") if old else ""
    wanted = {s.name for s in want.settings}
    gone = [key for key in re.findall(r"^-?([\w.-]+) =", text, re.MULTILINE) if key not in wanted]
    return f" without {one_line(', '.join(gone), 400)} (running values stay)" if gone else ""


def _running_steps(want: SysctlSpec, facts: SysctlFacts) -> Plan:
    changes = [(s, now) for s in want.settings if _drifted(s, now := facts.running.get(s.name))]
    if not changes:
        return ()
    data = "".join(f"{s.name}={_flat(s.value)}\n" for s, _ in changes).encode()
    texts = (f"{s.name}: {one_line(now or '')} -> {_flat(s.value)}" for s, now in changes)
    step = Step(
        one_line(f"set {', '.join(texts)}", MOST_SHOWN),
        Command("set_sysctl", (str(len(data)),), data),
        Disrupts.HOST,
        item=one_line(", ".join(s.name for s, _ in changes), MOST_SHOWN),
    )
    return (step,)


def _drifted(setting: SettingSpec, now: str | None) -> bool:
    return now is not None and now != _flat(setting.value)


def problem(want: SysctlSpec, facts: SysctlFacts) -> Problem | None:
    if facts.foreign and want.settings:
        return Problem(Reason.FOREIGN_FILE, f"{DROP_IN} is not ours; it was left as it is")
    required = [s for s in want.settings if not s.optional]
    if lacking := [s.name for s in want.settings if s.name in facts.unreadable]:
        return Problem(Reason.VALUE_REFUSED, f"cannot be read back: {', '.join(lacking)}")
    if lacking := [s.name for s in required if facts.running.get(s.name) is None]:
        return Problem(Reason.KEY_UNKNOWN, f"the kernel lacks {', '.join(lacking)}")
    if beaten := [_beaten(s, facts) for s in required if _beaten(s, facts)]:
        return Problem(Reason.KEY_OVERRIDDEN, "; ".join(beaten))
    return None


def _beaten(setting: SettingSpec, facts: SysctlFacts) -> str:
    winner = facts.later.get(setting.name)
    if winner is None or winner.value == _flat(setting.value):
        return ""
    return f"{winner.path} sets {setting.name} to {one_line(winner.value)} at boot"


def report(want: SysctlSpec, facts: SysctlFacts) -> dict[str, Any]:  # noqa: ARG001
    return {}


ASPECT: Final = Aspect(
    name="sysctl",
    want=want,
    probe=probe,
    parse=parse,
    plan=plan,
    problem=problem,
    report=report,
)
