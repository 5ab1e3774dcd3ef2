"""What is made of Leases and of what the nodes say. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Final

from kaitu.cli.kube import look
from kaitu.cli.kube.look import Body
from kaitu.cli.kube.versions import Held
from kaitu.core import version
from kaitu.core.reasons import Condition


class Level(StrEnum):
    """``note`` is nothing to mend; ``unknown`` could not be looked at."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    level: Level
    message: str
    mend: str = ""


def operators(
    known: Sequence[Held], alive: Sequence[Held], namespaces: Sequence[str]
) -> Iterator[Finding]:
    """What the Leases say about who looks at the nodes of these namespaces."""
    if not alive:
        yield _nobody(known)
    for one in alive:
        message = f"{one.holder} in {one.namespace} leads and watches {one.watches or 'unknown'}"
        yield Finding("operator", Level.OK, message)
        if one.version and one.version != version.PROGRAM:
            told = f"it is {one.version}, this program is {version.PROGRAM}"
            yield Finding("operator", Level.NOTE, told)
    for namespace in namespaces:
        if not alive or any(_covers(one, namespace) for one in alive):
            continue
        mend = f"start the operator with --namespace {namespace} too, or with --all-namespaces"
        yield Finding("operator", Level.BAD, f"no operator watches namespace {namespace}", mend)
    for first, second in combinations(alive, 2):
        if _meet(first, second):
            message = (
                f"two operators, in {first.namespace} and {second.namespace}, watch the same "
                "namespaces: each node obeys the one that claimed it first, and both write status"
            )
            mend = "end one of them, or give each namespaces of its own (--namespace)"
            yield Finding("operator", Level.BAD, message, mend)


def unled(first: Held, shards: Sequence[int]) -> Iterator[Finding]:
    """What it means that these shards of a fleet have no leader."""
    if shards:
        named = ", ".join(map(str, shards))
        message = f"in {first.namespace} nobody leads shard {named} of {first.shards}"
        mend = "start each with the same --shards; more is in docs/runbooks/KaituShardUnled.md"
        yield Finding("operator", Level.BAD, message, mend)


def _nobody(known: Sequence[Held]) -> Finding:
    mend = "start the operator, or see the log of its pod: it says in one line what it waits for"
    if not known:
        return Finding("operator", Level.BAD, "no operator has ever led: there is no Lease", mend)
    told = ", ".join(f"{one.namespace} (last: {one.renewed or 'never'})" for one in known)
    return Finding("operator", Level.BAD, f"no operator renews its Lease in {told}", mend)


def _watched(one: Held) -> frozenset[str]:
    return frozenset(filter(None, one.watches.split(",")))


def _covers(one: Held, namespace: str) -> bool:
    """One that does not say what it watches is not accused."""
    watched = _watched(one)
    return not watched or bool(watched & {"*", namespace})


def _meet(first: Held, second: Held) -> bool:
    one, other = _watched(first), _watched(second)
    return bool(one and other and ("*" in one | other or one & other))


def nodes(bodies: Sequence[Body]) -> Iterator[Finding]:
    """What the nodes' own statuses say, the most frequent reason first."""
    groups: dict[str, list[Body]] = {}
    for body in bodies:
        if not look.ready(body):
            groups.setdefault(_why(body), []).append(body)
    good = len(bodies) - sum(map(len, groups.values()))
    if good:
        yield Finding("nodes", Level.OK, f"{good} of {len(bodies)} are Ready")
    for reason, found in sorted(groups.items(), key=lambda group: -len(group[1])):
        yield _group(reason, found)


def _why(body: Body) -> str:
    said = look.condition(body, Condition.READY)
    if said.get("status") == "True":
        return _EDITED
    return str(said.get("reason", "NotVisited"))


def _group(reason: str, found: Sequence[Body]) -> Finding:
    level = Level.NOTE if reason in _CALM else Level.BAD
    named = ", ".join("/".join(look.key(body)) for body in found[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    hint = _SOON if reason in _UNSEEN else look.hint(look.condition(found[0], Condition.READY))
    return Finding("nodes", level, f"{len(found)} {reason}: {named}{more}", hint)


_NAMED: Final = 3
_EDITED: Final = "not looked at since the last edit"
_UNSEEN: Final = frozenset({"NotVisited", _EDITED})
_SOON: Final = "a living operator visits within the node's interval; if none comes, see its log"
_CALM: Final = frozenset({"Suspended", "DriftObserved", "Reconciling", *_UNSEEN})
"""What somebody wants to be so, or what passes by itself."""
