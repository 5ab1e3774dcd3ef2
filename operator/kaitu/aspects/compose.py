"""The stack: one release, moved to in two jobs on the node, or in one that is both.

The first pulls, and disturbs nothing; the second swaps the compose file and ``.env``, awaits the
gate, starts the rest, verifies what runs and writes the record. Both files are one deployment, due
when the record differs. Where that fails after the swap, the release of before comes back, and the
new one is held until the input changes. Newer images behind the same tags are such a change, too.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final

from kaitu.core import composefile, dotenv, jobs, moves, timetable
from kaitu.core.aspect import Answers, Aspect, Probe, Problem, answered
from kaitu.core.composefile import ComposeFile
from kaitu.core.containers import architecture, parse_docker, shown, unusable
from kaitu.core.deployment import ComposeFacts, ComposeWant, files
from kaitu.core.desired import Desired, Requests
from kaitu.core.errors import KaituError
from kaitu.core.facts import EnvFacts, parse_env, parse_host
from kaitu.core.foresight import FORESIGHT
from kaitu.core.models import Mode
from kaitu.core.plan import Plan
from kaitu.core.reasons import Reason
from kaitu.core.release import Update, parse_releases
from kaitu.core.secrets import Secret
from kaitu.core.sections import ComposeSpec
from kaitu.core.text import canonical, digest
from kaitu.core.unfinished import UNFINISHED


def want(section: ComposeSpec, desired: Desired) -> ComposeWant:
    reference = section.reference
    text = desired.value(reference).reveal() if reference else section.inline or ""
    file = composefile.read(text)
    pins = _pins(section, file)
    requests = desired.requests
    return ComposeWant(
        key=digest(canonical([section.version, text, *pins]))[:16],
        version=section.version,
        directory=desired.directory,
        content=text.encode(),
        file=file,
        gate=_gate(section, file),
        gate_seconds=ceil(section.gate_seconds),
        attempts=section.attempts,
        jitter=ceil(section.jitter_seconds),
        pins=pins,
        on_failure=section.on_failure.lower(),
        due=_due(section, requests),
        asked=digest(requests.pull_at.encode())[:16] if requests.pull_at else "-",
        requests=requests,
        oldest_plugin=section.oldest_plugin,
        variables=_variables(desired),
        has_env="env" in desired.sections,
        observed=Mode.OBSERVE in {desired.mode, section.mode},
    )


def _gate(section: ComposeSpec, file: ComposeFile) -> tuple[str, ...]:
    wanted = file.gate if section.gate_services is None else section.gate_services
    if unknown := [name for name in wanted if name not in file.services]:
        text = f"compose.update.gate: the compose file has no service {unknown[0]}"
        raise KaituError(Reason.INVALID_SPEC, text)
    return wanted


def _pins(section: ComposeSpec, file: ComposeFile) -> tuple[tuple[str, str], ...]:
    if unknown := [one.service for one in section.images if one.service not in file.services]:
        text = f"compose.images: the compose file has no service {unknown[0]}"
        raise KaituError(Reason.INVALID_SPEC, text)
    return tuple(sorted((one.service, one.digest) for one in section.images))


def _due(section: ComposeSpec, requests: Requests) -> int:
    """The Unix time since which tags must have been pulled; 0 without a schedule."""
    auto = section.auto_update
    if auto is None:
        return 0
    return timetable.latest(auto.schedule, requests.now - auto.jitter_seconds * requests.share)


def _variables(desired: Desired) -> Mapping[str, Secret] | None:
    """What cannot be resolved is said by the aspect env; here it only stops the deployment."""
    try:
        return (
            dotenv.resolve(desired.sections["env"], desired) if "env" in desired.sections else {}
        )
    except KaituError:
        return None


def probe(want: ComposeWant) -> Probe:
    place = f"{want.directory}\n".encode()
    alone = {} if want.has_env else {"env": dotenv.question(want.directory, {})}
    return Probe({"host": place, "docker": place, "compose": place + want.lines, **alone})


def parse(answers: Answers, reads: Mapping[str, Any]) -> ComposeFacts:
    env: EnvFacts | None = reads.get("env")
    return ComposeFacts(
        engine=parse_docker(answered(answers, "docker")),
        releases=parse_releases(answers),
        env=env or (parse_env(answers) if "env" in answers else None),
        owned=parse_host(answered(answers, "host")).owner is not None,
    )


def plan(want: ComposeWant, facts: ComposeFacts) -> Plan:
    """At most one job; the files alone where the node's secret is missing."""
    if moves.occupied(want, facts) or _obstacle(want, facts):
        return ()
    if moves.restore_due(facts):
        return moves.restore(want.directory, facts)
    if facts.env is None:
        return ()
    if not facts.env.protected_present:
        return files(want, facts, facts.env)
    if _stuck(want, facts):
        return ()
    if items := moves.differs(want, facts, facts.env):
        return moves.move(want, facts, items)
    if facts.releases.record is None or facts.busy:
        return moves.remember(want, facts)
    return moves.repair(want, facts) or moves.refresh(want, facts)


def _stuck(want: ComposeWant, facts: ComposeFacts) -> bool:
    """The release is held. Where its newer images are, the release itself is looked after, if it
    is what runs.
    """
    hold = facts.releases.held
    whole = hold is not None and (hold.name == hold.key or hold.then in {"kept", "failed", "none"})
    return whole and moves.held(want, facts)


def problem(want: ComposeWant, facts: ComposeFacts) -> Problem | None:
    if facts.busy or facts.env is None:
        return None
    if obstacle := _obstacle(want, facts):
        return obstacle
    if not facts.env.protected_present:
        text = f"{want.directory}/.env has no K2_NODE_SECRET, or it is empty; nothing is started"
        return Problem(Reason.PROTECTED_MISSING, text)
    hold = facts.releases.held
    if hold and moves.held(want, facts):
        return jobs.held(hold)
    return _failed(want, facts, _kinds(want, facts, facts.env))


def _kinds(want: ComposeWant, facts: ComposeFacts, env: EnvFacts) -> tuple[str, ...]:
    """The jobs whose end tells why what is due was not done."""
    if moves.restore_due(facts):
        return ("restore",)
    if moves.differs(want, facts, env):
        return ("up", "pull")
    if moves.down(want, facts):
        return ("repair", "pull")
    newer = facts.releases.moved is not None or moves.refresh_due(want, facts)
    return ("up", "pull") if newer else ("record",)


def _failed(want: ComposeWant, facts: ComposeFacts, kinds: tuple[str, ...]) -> Problem | None:
    """What the last failed job for this input ended with, while it is not tried again."""
    ends = (facts.releases.result(kind, want.key) for kind in kinds)
    bad = [one for one in ends if one and not jobs.good(one)]
    last = min(bad, key=lambda one: one.age, default=None)
    return jobs.ended(last.code, last.detail) if last else None


def _obstacle(want: ComposeWant, facts: ComposeFacts) -> Problem | None:
    """What forbids any step at all."""
    if docker := unusable(facts.engine, want.oldest_plugin):
        return docker
    env = facts.env
    if "unsafe" in {facts.releases.directory, facts.releases.file}:
        return Problem(Reason.UNSAFE_PATH, f"{want.path} or its directory is not what it must be")
    if env and not env.readable:
        return Problem(Reason.UNSAFE_PATH, f"{want.directory}/.env is no plain file")
    if env and env.unclosed:
        return Problem(Reason.ENV_UNPARSABLE, f"{want.directory}/.env has an open quote or a NUL")
    if env and "multiline" in env.states.values():
        return Problem(Reason.ENV_UNSAFE, f"{want.directory}/.env: a managed line holds more")
    return None


def report(want: ComposeWant, facts: ComposeFacts) -> dict[str, Any]:
    ours, known = facts.engine.of(want.directory), facts.releases
    status: dict[str, Any] = {"services": [shown(one) for one in ours if one.service][:64]}
    if known.record and ours and not known.pending:  # of a swap unverified nobody knows
        status["version"] = known.record.version
    if known.file not in {"absent", "unsafe"}:
        status["fileDigest"] = known.file
    if known.updates:
        status["updates"] = [_update(one) for one in known.updates[-10:]]
    hold = known.held
    unknown = facts.env is None and hold is not None and hold.key == want.key
    held = {"held": hold.name} if hold and (unknown or moves.failed(want, facts)) else {}
    findings = [{"signature": "OrphanService", "evidence": one} for one in _orphans(want, facts)]
    told: dict[str, Any] = {"findings": findings} if findings else {}
    if done := _answered(want, facts):
        told["answered"] = done
    return {"compose": status, "architecture": architecture(ours), **held, **told}


def _update(update: Update) -> dict[str, Any]:
    moment = datetime.fromtimestamp(update.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    result = "Applied" if update.code == "OK" else jobs.ended(update.code, update.service).reason
    about = {"time": moment, "version": update.version, "result": str(result)}
    return about if update.service == "-" else {**about, "service": update.service}


def _answered(want: ComposeWant, facts: ComposeFacts) -> list[str]:
    """The requests that have been answered on the node."""
    hold, last, retry = facts.releases.held, facts.releases.refreshed, want.requests.retry
    pulled = last is not None and want.asked == last.request != "-"
    retried = bool(retry) and (hold is None or hold.name != retry)
    return [name for name, yes in (("pullAt", pulled), ("retry", retried)) if yes]


def _orphans(want: ComposeWant, facts: ComposeFacts) -> list[str]:
    """Services of the project that neither the file nor our record knows: never touched."""
    record = facts.releases.record
    known = {*want.file.services, *want.file.profiled, *(record.services if record else ()), ""}
    ours = facts.engine.of(want.directory)
    return sorted({one.service for one in ours} - known)


ASPECT: Final = Aspect(
    name="compose",
    want=want,
    probe=probe,
    parse=parse,
    plan=plan,
    problem=problem,
    report=report,
    reads=("env",),
    foresight=FORESIGHT,
    remains=UNFINISHED,
)
