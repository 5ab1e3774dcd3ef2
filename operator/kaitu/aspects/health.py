"""A healthy node: Docker answers, services run, disks have room, ports are open. Only watched.

What is wrong is told by severity, root causes before what follows from them; what cannot be seen
is never called wrong.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from kaitu.core import composefile
from kaitu.core.aspect import Answers, Aspect, Probe, Problem, answered, rows
from kaitu.core.containers import Container, Engine, parse_docker
from kaitu.core.desired import Desired
from kaitu.core.errors import KaituError, UnparsableError
from kaitu.core.facts import Disk, HostFacts, parse_host
from kaitu.core.plan import Plan
from kaitu.core.reasons import Reason
from kaitu.core.sections import ComposeSpec, DiskSpec, HealthSpec

_CRASHES: Final = 3  # restarts by Docker, the last of them
_FRESH: Final = 300  # seconds ago at most: then it is a loop
_MOST: Final = 3
_DIALLED: Final = frozenset({"open", "refused", "timeout", "unreachable"})


@dataclass(frozen=True, slots=True)
class HealthWant:
    """``services`` is None where every service that is there must be well.

    ``once`` are services that nobody restarts: one that has ended well is in order. ``docker`` is
    false where nothing on the node is to run in it.
    """

    directory: str
    services: tuple[str, ...] | None
    once: frozenset[str]
    docker: bool
    limits: DiskSpec
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """``dialled`` says how each port answered the operator."""

    host: HostFacts
    engine: Engine
    dialled: Mapping[int, str]


def want(section: HealthSpec, desired: Desired) -> HealthWant:
    compose: ComposeSpec | None = desired.sections.get("compose")
    services, once = _written(compose, desired) if compose else (None, frozenset[str]())
    return HealthWant(
        directory=desired.directory,
        services=services if section.services is None else section.services,
        once=once,
        docker=bool(compose or section.services),
        limits=section.limits,
        ports=tuple(check.port for check in section.tcp),
    )


def _written(
    compose: ComposeSpec, desired: Desired
) -> tuple[tuple[str, ...] | None, frozenset[str]]:
    """The services of the compose file; that it cannot be had is said by the aspect compose."""
    reference = compose.reference
    try:
        text = desired.value(reference).reveal() if reference else compose.inline or ""
        file = composefile.read(text)
    except KaituError:
        return None, frozenset()
    return file.services, file.once


def probe(want: HealthWant) -> Probe:
    place = f"{want.directory}\n".encode()
    return Probe({"host": place, "docker": place}, dials=want.ports)


def parse(answers: Answers, reads: Mapping[str, Any]) -> HealthFacts:  # noqa: ARG001
    return HealthFacts(
        parse_host(answered(answers, "host")),
        parse_docker(answered(answers, "docker")),
        dict(_dialled(row) for row in rows(answers, "dial")),
    )


def _dialled(row: list[str]) -> tuple[int, str]:
    match row:
        case [port, state] if state in _DIALLED and port.isascii() and port.isdecimal():
            return int(port), state
    raise UnparsableError("a dialled port")


def plan(want: HealthWant, facts: HealthFacts) -> Plan:  # noqa: ARG001
    return ()


def problem(want: HealthWant, facts: HealthFacts) -> Problem | None:
    """The first that is wrong, by severity; up to three things of that kind are named."""
    for reason, look in _CHECKS:
        if found := list(look(want, facts)):
            more = len(found) - _MOST
            text = ", ".join(found[:_MOST]) + (f" and {more} more" if more > 0 else "")
            return Problem(reason, text)
    return None


def _docker_down(want: HealthWant, facts: HealthFacts) -> Iterator[str]:
    if want.docker and facts.engine.state == "down":
        yield "the Docker daemon does not run"
    if want.docker and facts.engine.state == "missing":
        yield "the node has no docker command"


def _docker_hung(want: HealthWant, facts: HealthFacts) -> Iterator[str]:
    if want.docker and facts.engine.state == "hung":
        yield "the Docker daemon does not answer"


def _not_running(want: HealthWant, facts: HealthFacts) -> Iterator[str]:
    if facts.engine.state != "ok":
        return
    there = {container.service for container in facts.engine.of(want.directory)}
    yield from (f"{name} has no container" for name in want.services or () if name not in there)
    for one in _ours(want, facts):
        well = one.service in want.once and one.state == "exited" and one.exit_code == 0
        if one.state not in {"running", "restarting"} and not well:
            yield f"{one.service} is {one.state}{_ending(one)}"


def _ending(container: Container) -> str:
    if container.state != "exited":
        return ""
    return " (out of memory)" if container.oom else f" ({container.exit_code})"


def _crash_loop(want: HealthWant, facts: HealthFacts) -> Iterator[str]:
    for one in _ours(want, facts):
        if one.state == "restarting" or (one.restarts >= _CRASHES and _age(one, facts) < _FRESH):
            yield f"{one.service} restarts again and again"


def _age(container: Container, facts: HealthFacts) -> float:
    """Seconds since the container started, by the node's clock."""
    try:
        started = datetime.fromisoformat(container.started_at)
    except ValueError:
        raise UnparsableError("the start of a container") from None
    return facts.host.time - started.replace(tzinfo=started.tzinfo or UTC).timestamp()


def _unhealthy(want: HealthWant, facts: HealthFacts) -> Iterator[str]:
    yield from (f"{one.service} is unhealthy" for one in _well(want, facts, "unhealthy"))


def _starting(want: HealthWant, facts: HealthFacts) -> Iterator[str]:
    yield from (f"{one.service} is starting" for one in _well(want, facts, "starting"))


def _well(want: HealthWant, facts: HealthFacts, health: str) -> Iterator[Container]:
    return (one for one in _ours(want, facts) if one.state == "running" and one.health == health)


def _disk_full(want: HealthWant, facts: HealthFacts) -> Iterator[str]:
    for disk in facts.host.disks:
        if disk.used_percent >= want.limits.fail:
            yield f"{disk.mount} is full to {want.limits.fail} % or more"


def _port_closed(want: HealthWant, facts: HealthFacts) -> Iterator[str]:
    for port in want.ports:
        state = facts.dialled.get(port, "timeout")
        if state != "open":
            yield f"{port} ({state})"


def _ours(want: HealthWant, facts: HealthFacts) -> Iterator[Container]:
    """The containers that must be well."""
    for one in facts.engine.of(want.directory):
        if one.service and (want.services is None or one.service in want.services):
            yield one


_Check = Callable[[HealthWant, HealthFacts], Iterator[str]]
_CHECKS: Final[tuple[tuple[Reason, _Check], ...]] = (
    (Reason.DOCKER_DOWN, _docker_down),
    (Reason.DOCKER_HUNG, _docker_hung),
    (Reason.NOT_RUNNING, _not_running),
    (Reason.CRASH_LOOP, _crash_loop),
    (Reason.UNHEALTHY, _unhealthy),
    (Reason.DISK_FULL, _disk_full),
    (Reason.STARTING, _starting),
    (Reason.PORT_CLOSED, _port_closed),
)


def report(want: HealthWant, facts: HealthFacts) -> dict[str, Any]:
    """Things that seldom move; a disk's use is a finding from the warning on, and automation that
    takes the stack down always is: it is reported, and never touched."""
    host = facts.host
    told = {
        "os": host.os,
        "kernel": host.kernel,
        "arch": host.arch,
        "bootedAt": datetime.fromtimestamp(host.boot, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cpus": host.cpus,
        "memTotalBytes": host.memory_total_bytes,
        "diskTotalBytes": _home(want.directory, host.disks),
        "ipv6": list(host.ipv6[:16]),
        "docker": facts.engine.version,
        "compose": facts.engine.compose,
    }
    filling = [d.mount for d in host.disks if want.limits.warn <= d.used_percent]
    findings = [{"signature": "DiskFilling", "evidence": mount} for mount in filling]
    findings += [{"signature": "AutomationRunsDown", "evidence": place} for place in host.downs]
    kept = {name: value for name, value in told.items() if value not in ("", None, [])}
    return {"facts": kept, **({"findings": findings} if findings else {})}


def _home(directory: str, disks: tuple[Disk, ...]) -> int | None:
    """The size of the file system that holds the directory: the longest mount above it."""
    above = [d for d in disks if f"{directory}/".startswith(f"{d.mount.rstrip('/')}/")]
    return max(above, key=lambda disk: len(disk.mount)).total_bytes if above else None


ASPECT: Final = Aspect(
    name="health",
    want=want,
    probe=probe,
    parse=parse,
    plan=plan,
    problem=problem,
    report=report,
    writes=False,
)
