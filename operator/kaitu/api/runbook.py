"""From the list of reasons to ``docs/runbooks/reasons.md``: one section each."""

from pathlib import Path
from typing import Final

from kaitu.api.reference import RETRIES
from kaitu.core.reasons import REASONS, Condition, Reason, Verdict

FILE: Final = "docs/runbooks/reasons.md"

_HEAD: Final = """\
<!-- Generated from operator/kaitu/core/reasons.py by `make crds`; do not edit. -->

# What each reason means and what to do

`kubectl get kaitunode NAME -o wide` shows the reason of `Ready`, `kubectl describe` those of all
conditions with a message that names the thing. The list is closed: an event, a condition, a
section of `status.aspects` and the metrics use the same words.

"""
_MEANING: Final = {
    Condition.REACHABLE: "The way to the node: address, SSH, host key, login.",
    Condition.PROBE_TRUSTED: "Whether what the node answers can be believed.",
    Condition.IN_SYNC: "Whether the node is as its KaituNode says.",
    Condition.HEALTHY: "Whether what should run does.",
    Condition.READY: "The first of the above that is not True; and what stands above them.",
    Condition.RECONCILING: "A change is under way.",
}
_VERDICTS: Final = {
    Verdict.TRUE: "`True`: all is well.",
    Verdict.FALSE: "`False`: it is known to be wrong.",
    Verdict.UNKNOWN: "`Unknown`: it could not be found out, so nothing is claimed.",
}


def reasons() -> str:
    """The whole page."""
    return _HEAD + "\n".join(_condition(one) for one in Condition if _of(one))


def _of(condition: Condition) -> list[Reason]:
    return [reason for reason in Reason if REASONS[reason].condition is condition]


def _condition(condition: Condition) -> str:
    sections = "\n".join(map(_section, _of(condition)))
    return f"## {condition}\n\n{_MEANING[condition]}\n\n{sections}"


def _section(reason: Reason) -> str:
    row = REASONS[reason]
    again = "" if row.verdict is Verdict.TRUE else f"- Tried again: {RETRIES[row.retry]}.\n"
    return (
        f"### {reason}\n\n- Verdict: {_VERDICTS[row.verdict]}\n{again}- What to do: {row.hint}\n"
    )


def main() -> None:
    """Write the page, from the root of the repository."""
    Path(FILE).parent.mkdir(parents=True, exist_ok=True)
    Path(FILE).write_text(reasons())


if __name__ == "__main__":
    main()
