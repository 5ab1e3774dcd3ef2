"""What a person does next about a node: the hint of its reason, and a command that helps."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kaitu.cli.kube import look
from kaitu.cli.kube.look import Body
from kaitu.core.reasons import Condition, Reason

_COMMANDS: Final[Mapping[Reason, str]] = {
    Reason.SUSPENDED: "kaituctl resume {at}",
    Reason.STALE: "kaituctl doctor",
    Reason.OBSERVER_DEGRADED: "kaituctl doctor",
    Reason.ADOPTION_REQUIRED: "kaituctl diff {at}, then kaituctl adopt {at}",
    Reason.OWNED_BY_ANOTHER: "kaituctl adopt {at} --from INSTALLATION-ID",
    Reason.DRIFT_OBSERVED: "kaituctl diff {at}",
    Reason.WAITING_FOR_SLOT: "kaituctl diff {at}",
}
"""Reasons that a command of kaituctl answers."""
_EVIDENT: Final = frozenset({Reason.READY, Reason.IN_SYNC, Reason.APPLIED, Reason.OBSERVED})


def steps(body: Body) -> Iterator[str]:
    """At least one line."""
    namespace, name = look.key(body)
    place = f"{name} -n {namespace}"
    if look.suspended(body):
        yield f"It is suspended: no visits are made. kaituctl resume {place}"
        return
    told = list(_hints(body, place))
    yield from told
    if held := look.status(body).get("revision", {}).get("held"):
        again = f"or try it once more: kaituctl retry {place}"
        yield f"Held after a failure: {held}. Correct the release, {again}"
    if not told:
        yield "Nothing to do." if look.ready(body) else "Wait for the next visit."


def _hints(body: Body, place: str) -> Iterator[str]:
    """By the condition that decides Ready, then by each section that says something else."""
    seen: set[Reason] = set()
    for said in (look.condition(body, Condition.READY), *look.status(body).get("aspects", ())):
        found = look.reason(said)
        if found is None or found in seen or found in _EVIDENT or not _matters(said, found):
            continue
        seen.add(found)
        command = f" {_command(body, found, place)}".rstrip()
        yield f"{found}: {look.hint(said)}{command}"


def _matters(said: Mapping[str, Any], found: Reason) -> bool:
    """A section that was not seen says nothing beside the condition that says why."""
    return "type" in said or (found is not Reason.UNOBSERVED and said["state"] != "InSync")


def _command(body: Body, found: Reason, place: str) -> str:
    if found is Reason.HOST_KEY_CHANGED and learns(body):
        return f"kaituctl accept-host-key {place} SHA256:…"
    command = _COMMANDS.get(found, "")
    return command.format(at=place)


def learns(body: Body) -> bool:
    """Whether the spec lets host keys be learned; else they change only by the spec."""
    return bool(body["spec"]["connection"].get("hostKeyPolicy") == "TrustOnFirstUse")
