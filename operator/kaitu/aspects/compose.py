"""The stack: one release, moved to in two jobs that run detached on the node.

The first pulls, and disturbs nothing; the second swaps the compose file and ``.env``, awaits the
gate, starts the rest, verifies what runs and writes the record. Both files are one deployment, due
when the record differs. What failed after the swap is held until the input changes.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any, Final

from kaitu.core import composefile, dotenv, jobs
from kaitu.core.aspect import Answers, Aspect, Probe, Problem, answered
from kaitu.core.composefile import FILE, ComposeFile
from kaitu.core.containers import Container, architecture, parse_docker, shown, unusable
from kaitu.core.deployment import ComposeFacts, ComposeWant, files, job
from kaitu.core.desired import Desired
from kaitu.core.errors import KaituError
from kaitu.core.facts import EnvFacts, parse_env, parse_host
from kaitu.core.models import Mode
from kaitu.core.plan import Disrupts, Plan, Step
from kaitu.core.reasons import Reason
from kaitu.core.release import parse_releases
from kaitu.core.secrets import Secret
from kaitu.core.sections import ComposeSpec
from kaitu.core.text import MOST_SHOWN, canonical, digest, one_line


def want(section: ComposeSpec, desired: Desired) -> ComposeWant:
    reference = section.reference
    text = desired.value(reference).reveal() if reference else section.inline or ""
    file = composefile.read(text)
    return ComposeWant(
        key=digest(canonical([section.version, text]))[:16],
        version=section.version,
        directory=desired.directory,
        content=text.encode(),
        file=file,
        gate=_gate(section, file),
        gate_seconds=ceil(section.gate_seconds),
        attempts=section.attempts,
        jitter=ceil(section.jitter_seconds),
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
    return Probe({"host": place, "docker": b"", "compose": place + want.lines, **alone})


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
    if _occupied(want, facts) or facts.env is None or _obstacle(want, facts):
        return ()
    if not facts.env.protected_present:
        return files(want, facts, facts.env)
    if _held(want, facts):
        return ()
    if differs := _differs(want, facts, facts.env):
        return _move(want, facts, differs)
    if facts.releases.record is None or facts.busy:
        return _remember(want, facts)
    return _repair(want, facts)


def _occupied(want: ComposeWant, facts: ComposeFacts) -> bool:
    """A job is left to its end; only the pull of what is no longer wanted gives way."""
    running = facts.releases.running
    return running is not None and (running.kind != "pull" or running.key == want.key)


def _differs(want: ComposeWant, facts: ComposeFacts, env: EnvFacts) -> tuple[str, ...]:
    """What is not as the release says, as items of drift; empty when nothing is due."""
    known, record = facts.releases, facts.releases.record
    items = [FILE] if known.file != digest(want.content) else []
    items += [name for name, state in env.states.items() if state != "same"]
    if items:
        return tuple(items)
    if known.pending or (record and (record.key != want.key or not record.env_same)):
        return ("release",)
    if record is None and not _runs_as_written(want, facts):
        return ("release",)
    return ()


def _runs_as_written(want: ComposeWant, facts: ComposeFacts) -> bool:
    """A living node without a record: the node's own compose would change nothing on it."""
    known, ours = facts.releases, facts.engine.of(want.directory)
    return (
        bool(known.hashes)
        and not _down(want, facts)
        and all(c.config_hash == known.hashes.get(c.service, c.config_hash) for c in ours)
        and all(known.images.get(c.image) == c.image_id for c in ours)
    )


def _held(want: ComposeWant, facts: ComposeFacts) -> bool:
    held = facts.releases.held
    return held is not None and held.key == want.key and held.env_same


def _move(want: ComposeWant, facts: ComposeFacts, differs: tuple[str, ...]) -> Plan:
    """Pull, then go up; what failed is tried again after a pause, by the node's own clock."""
    known = facts.releases
    if any(jobs.resting(known.result(kind, want.key)) for kind in ("pull", "up")):
        return ()
    item = one_line(", ".join(differs), MOST_SHOWN)
    kind = "changed" if known.record else "missing"
    about = f"release {want.version}" + (f": {item}" if differs != ("release",) else "")
    if not _has_images(want, facts):
        return (Step(f"pull {about}", job(want, "pull"), item=item, kind=kind),)
    text = f"{'finish' if known.pending == want.key else 'deploy'} {about}"
    new = "" if known.record and known.record.key == want.key else want.key
    return (Step(text, job(want, "up"), Disrupts.SERVICES, item=item, kind=kind, release=new),)


def _has_images(want: ComposeWant, facts: ComposeFacts) -> bool:
    """Pulled for this input, or there since the same release was verified with other variables."""
    known, record = facts.releases, facts.releases.record
    if jobs.good(known.result("pull", want.key)):
        return True
    moved = known.result("up", want.key)
    gone = moved is not None and moved.code == "ENOTPULLED"
    return record is not None and record.key == want.key and not gone


def _remember(want: ComposeWant, facts: ComposeFacts) -> Plan:
    """What runs is what is wanted: once the node is ours, that is written down."""
    if not facts.owned or want.observed:
        return ()
    if jobs.resting(facts.releases.result("record", want.key)):
        return ()
    return (Step(f"record that release {want.version} runs", job(want, "record")),)


def _repair(want: ComposeWant, facts: ComposeFacts) -> Plan:
    names = _down(want, facts)
    if not names or jobs.resting(facts.releases.result("repair", want.key)):
        return ()
    item, command = one_line(", ".join(names), MOST_SHOWN), job(want, "repair", names)
    return (Step(f"start {item}", command, Disrupts.SERVICES, item=item, kind="stopped"),)


def _down(want: ComposeWant, facts: ComposeFacts) -> tuple[str, ...]:
    """The services without a container, or with one that stopped and stays so."""
    ours = facts.engine.of(want.directory)
    there = {container.service for container in ours}
    stopped = {c.service for c in ours if c.stopped and not _ended_well(want, c)}
    return tuple(name for name in want.file.services if name not in there or name in stopped)


def _ended_well(want: ComposeWant, container: Container) -> bool:
    return container.service in want.file.once and container.exit_code == 0


def problem(want: ComposeWant, facts: ComposeFacts) -> Problem | None:
    if facts.busy or facts.env is None:
        return None
    if obstacle := _obstacle(want, facts):
        return obstacle
    if not facts.env.protected_present:
        text = f"{want.directory}/.env has no K2_NODE_SECRET, or it is empty; nothing is started"
        return Problem(Reason.PROTECTED_MISSING, text)
    held = facts.releases.held
    if held and _held(want, facts):
        return jobs.ended(held.code, held.service)
    kinds = ("up", "pull") if _differs(want, facts, facts.env) else ("record",)
    if not _differs(want, facts, facts.env) and _down(want, facts):
        kinds = ("repair",)
    return _failed(want, facts, kinds)


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
    unknown = facts.env is None and known.held is not None and known.held.key == want.key
    held = {"held": want.key} if unknown or _held(want, facts) else {}
    findings = [{"signature": "OrphanService", "evidence": one} for one in _orphans(want, facts)]
    told = {"findings": findings} if findings else {}
    return {"compose": status, "architecture": architecture(ours), **held, **told}


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
)
