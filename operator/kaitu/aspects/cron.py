"""Cron: one file of ours for each entry, ``/etc/cron.d/kaitu-<name>``.

A file is ours by its first line, not by its name: what only looks like ours is reported and left
alone. An entry of ours that left the spec is removed, also one of an earlier spec that nobody
remembers, as the node itself is the record.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kaitu.core.aspect import Answer, Answers, Aspect, Probe, Problem, answered, remembered, rows
from kaitu.core.command import Command
from kaitu.core.desired import Desired
from kaitu.core.errors import UnparsableError
from kaitu.core.plan import Plan, Step
from kaitu.core.reasons import Reason
from kaitu.core.sections import CronEntrySpec, CronSpec
from kaitu.core.text import MARK, digest, one_line, uncoded

FOLDER: Final = "/etc/cron.d"
_MODE: Final = "644"
_OWNER: Final = "0:0"
_DAEMON: Final = {
    "missing": (Reason.CRON_MISSING, "no cron that reads /etc/cron.d is installed"),
    "down": (Reason.CRON_DOWN, "cron is installed and does not run"),
    "active": None,
}


@dataclass(frozen=True, slots=True)
class CronFile:
    """A file of ours; cron ignores it unless it is root's and nobody else may write it."""

    sha: str
    mode: str
    owner: str


@dataclass(frozen=True, slots=True)
class CronFacts:
    """``files`` are ours by file name; ``foreign`` are file names that look like ours."""

    daemon: str
    users: Mapping[str, bool]
    files: Mapping[str, CronFile]
    foreign: tuple[str, ...] = ()


def want(section: CronSpec, desired: Desired) -> CronSpec:  # noqa: ARG001
    return section


def probe(want: CronSpec) -> Probe:
    users = sorted({entry.runs_as for entry in want.entries})
    return Probe({"cron": "".join(f"{user}\n" for user in users).encode()})


def parse(answers: Answers, reads: Mapping[str, Any]) -> CronFacts:  # noqa: ARG001
    return _facts(answered(answers, "cron"))


@remembered
def _facts(answer: Answer) -> CronFacts:
    daemons: list[str] = []
    users: dict[str, bool] = {}
    files: dict[str, CronFile] = {}
    foreign: list[str] = []
    for row in rows({"cron": answer}, "cron"):
        match row:
            case ["daemon", state] if state in _DAEMON:
                daemons.append(state)
            case ["user", name, ("yes" | "no") as known]:
                users[name] = known == "yes"
            case ["file", name, mode, owner, "ours", sha] if re.fullmatch("[0-9a-f]{64}", sha):
                files[_name(name)] = CronFile(sha, mode, owner)
            case ["file", name, _, _, "foreign", "-"]:
                foreign.append(_name(name))
            case _:
                raise UnparsableError(f"a line of cron that starts with {one_line(row[0])!r}")
    if len(daemons) != 1:
        raise UnparsableError("cron must tell of its daemon once")
    odd = [name for name in files if not re.fullmatch(r"[A-Za-z0-9._-]+", name)]
    kept = {name: file for name, file in files.items() if name not in odd}
    return CronFacts(daemons[0], users, kept, (*foreign, *odd))


def _name(encoded: str) -> str:
    return uncoded(encoded, "a file name of cron").decode(errors="replace")


def file_name(entry: CronEntrySpec) -> str:
    return f"kaitu-{entry.name}"


def render(entry: CronEntrySpec) -> bytes:
    return f"{MARK}\n{entry.schedule} {entry.runs_as} {entry.command}\n".encode()


def plan(want: CronSpec, facts: CronFacts) -> Plan:
    return (*_writes(want, facts), *_removals(want, facts))


def _writes(want: CronSpec, facts: CronFacts) -> Iterator[Step]:
    """An entry whose user does not exist is not written: cron would refuse the file."""
    for entry in want.entries:
        name, content = file_name(entry), render(entry)
        file = facts.files.get(name)
        wanted = CronFile(digest(content), _MODE, _OWNER)
        if name in facts.foreign or not facts.users.get(entry.runs_as) or file == wanted:
            continue
        path = f"{FOLDER}/{name}"
        expected = file.sha if file else "absent"
        words = (path, _MODE, wanted.sha, str(len(content)), expected, "mkdir")
        kind = "changed" if file else "missing"
        yield Step(f"write {path}", Command("put_file", words, content), item=path, kind=kind)


def _removals(want: CronSpec, facts: CronFacts) -> Iterator[Step]:
    wanted = {file_name(entry) for entry in want.entries}
    for name in sorted(facts.files.keys() - wanted):
        path = f"{FOLDER}/{name}"
        command = Command("remove_file", (path, facts.files[name].sha))
        yield Step(f"remove {path}", command, item=path, kind="extra")


def problem(want: CronSpec, facts: CronFacts) -> Problem | None:
    if not want.entries:
        return None
    if trouble := _DAEMON[facts.daemon]:
        return Problem(*trouble)
    if taken := [file_name(e) for e in want.entries if file_name(e) in facts.foreign]:
        return Problem(Reason.FOREIGN_FILE, f"not ours, left as they are: {', '.join(taken)}")
    unknown = [e for e in want.entries if not facts.users.get(e.runs_as)]
    if unknown:
        who = ", ".join(f"{entry.runs_as} of entry {entry.name}" for entry in unknown)
        return Problem(Reason.USER_UNKNOWN, f"no such user on the node: {who}; not written")
    return None


def report(want: CronSpec, facts: CronFacts) -> dict[str, Any]:  # noqa: ARG001
    evidence = [one_line(f"{FOLDER}/{name}", 200) for name in sorted(facts.foreign)]
    findings = [{"signature": "ForeignCronFile", "evidence": path} for path in evidence]
    return {"findings": findings} if findings else {}


ASPECT: Final = Aspect(
    name="cron",
    want=want,
    probe=probe,
    parse=parse,
    plan=plan,
    problem=problem,
    report=report,
)
