"""Which job a deployment needs next, if any: decisions from what the node remembers and runs."""

from dataclasses import replace
from typing import Final

from kaitu.core import jobs
from kaitu.core.composefile import FILE
from kaitu.core.containers import Container
from kaitu.core.deployment import ComposeFacts, ComposeWant, job, restoring
from kaitu.core.facts import EnvFacts
from kaitu.core.plan import Disrupts, Plan, Step
from kaitu.core.text import MOST_SHOWN, digest, one_line

FRESH: Final = 3600
"""Seconds for which a pull counts, while the node waits for its turn."""


def occupied(want: ComposeWant, facts: ComposeFacts) -> bool:
    """A job is left to its end; only the pull of what is no longer wanted gives way."""
    running = facts.releases.running
    return running is not None and (running.kind != "pull" or running.key == want.key)


def restore_due(facts: ComposeFacts) -> bool:
    """A release failed, and whoever should have brought back the one before was cut off."""
    held = facts.releases.held
    return held is not None and held.then == "due"


def failed(want: ComposeWant, facts: ComposeFacts) -> bool:
    """This release, or newer images of it, failed here with this input."""
    hold = facts.releases.held
    return hold is not None and hold.key == want.key and hold.env_same


def retried(want: ComposeWant, facts: ComposeFacts) -> bool:
    """A person asks for another try of what is held."""
    hold = facts.releases.held
    return hold is not None and hold.name == want.requests.retry


def held(want: ComposeWant, facts: ComposeFacts) -> bool:
    return failed(want, facts) and not retried(want, facts)


def differs(want: ComposeWant, facts: ComposeFacts, env: EnvFacts) -> tuple[str, ...]:
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
    return _unpinned(want, facts)


def _unpinned(want: ComposeWant, facts: ComposeFacts) -> tuple[str, ...]:
    """Pinned services that run another image than the one that was verified."""
    record = facts.releases.record
    verified = record.services if record else {}
    pins = {service for service, _ in want.pins}
    ours = facts.engine.of(want.directory)
    off = (c.service for c in ours if verified.get(c.service, c.image_id) != c.image_id)
    return tuple(f"image of {service}" for service in off if service in pins)


def _runs_as_written(want: ComposeWant, facts: ComposeFacts) -> bool:
    """A living node without a record: the node's own compose would change nothing on it."""
    known, ours = facts.releases, facts.engine.of(want.directory)
    return (
        bool(known.hashes)
        and not want.pins
        and not down(want, facts)
        and all(c.config_hash == known.hashes.get(c.service, c.config_hash) for c in ours)
        and all(known.images.get(c.image) == c.image_id for c in ours if c.service)
    )


def restore(directory: str, facts: ComposeFacts) -> Plan:
    """The node knows all that it takes: nothing of what is wanted now is asked for."""
    if jobs.resting(facts.releases.results.get("restore")):
        return ()
    text, command = "bring back what ran before the release that failed", restoring(directory)
    return (Step(text, command, Disrupts.SERVICES, item="release", finishes=True),)


def move(want: ComposeWant, facts: ComposeFacts, items: tuple[str, ...]) -> Plan:
    """Pull, then go up, or both at once; what failed is tried again after a pause, by the node's
    own clock.
    """
    known, again = facts.releases, retried(want, facts)
    kinds = ("pull",) if again else ("pull", "up")
    if any(jobs.resting(known.result(kind, want.key)) for kind in kinds):
        return ()
    item = one_line(", ".join(items), MOST_SHOWN)
    kind = "changed" if known.record else "missing"
    about = f"release {want.version}" + (f": {item}" if items != ("release",) else "")
    text = f"{'finish' if known.pending == want.key else 'deploy'} {about}"
    record = known.record
    known_good = record is not None and record.key == want.key and record.env_same
    new = "" if known_good and not again else want.key
    up = Step(text, job(want, "up"), Disrupts.SERVICES, item=item, kind=kind, release=new)
    if _has_images(want, facts):
        return (up,)
    both = None if again or want.jitter else replace(up, command=job(want, "deploy"))
    return (Step(f"pull {about}", job(want, "pull"), item=item, kind=kind, at_once=both),)


def _has_images(want: ComposeWant, facts: ComposeFacts) -> bool:
    """Pulled for this input, or there since the same release was verified with other variables.

    Of a pull long ago nobody knows whether it still is what the tags say; a swap that was begun
    is finished with what it was begun with.
    """
    known, record = facts.releases, facts.releases.record
    pulled = known.result("pull", want.key)
    if pulled and jobs.good(pulled) and (pulled.age < FRESH or known.pending == want.key):
        return True
    moved = known.result("up", want.key)
    gone = moved is not None and moved.code == "ENOTPULLED"
    return record is not None and record.key == want.key and not gone


def remember(want: ComposeWant, facts: ComposeFacts) -> Plan:
    """What runs is what is wanted: once the node is ours, that is written down."""
    if not facts.owned or want.observed:
        return ()
    if jobs.resting(facts.releases.result("record", want.key)):
        return ()
    return (Step(f"record that release {want.version} runs", job(want, "record")),)


def repair(want: ComposeWant, facts: ComposeFacts) -> Plan:
    names, known = down(want, facts), facts.releases
    if not names or jobs.resting(known.result("repair", want.key)):
        return ()
    item, command = one_line(", ".join(names), MOST_SHOWN), job(want, "repair", names)
    if _pruned(want, facts):
        if jobs.resting(known.result("pull", want.key)):
            return ()
        text = f"pull the images of release {want.version} for {item}"
        return (Step(text, job(want, "pull"), item=item, kind="stopped"),)
    return (Step(f"start {item}", command, Disrupts.SERVICES, item=item, kind="stopped"),)


def _pruned(want: ComposeWant, facts: ComposeFacts) -> bool:
    """The last repair found that an image has gone from the node, and it was not pulled since."""
    last, pulled = (facts.releases.result(kind, want.key) for kind in ("repair", "pull"))
    if last is None or last.code != "ENOTPULLED":
        return False
    return not (pulled and jobs.good(pulled) and pulled.age <= last.age)


def down(want: ComposeWant, facts: ComposeFacts) -> tuple[str, ...]:
    """The services without a container, or with one that stopped and stays so."""
    ours = facts.engine.of(want.directory)
    there = {container.service for container in ours}
    stopped = {c.service for c in ours if c.stopped and not _ended_well(want, c)}
    return tuple(name for name in want.file.services if name not in there or name in stopped)


def _ended_well(want: ComposeWant, container: Container) -> bool:
    return container.service in want.file.once and container.exit_code == 0


def refresh_due(want: ComposeWant, facts: ComposeFacts) -> bool:
    """Tags were not pulled since the schedule or a person said so, or what failed is retried."""
    last = facts.releases.refreshed
    if retried(want, facts):
        return True
    if last is None:
        return want.due > 0 or want.asked != "-"
    return want.due > last.at or want.asked not in {"-", last.request}


def refresh(want: ComposeWant, facts: ComposeFacts) -> Plan:
    """Pull the tags of the release that runs; where an image is newer, the next visit goes up."""
    known = facts.releases
    if refresh_due(want, facts) and not jobs.resting(known.result("pull", want.key)):
        return (Step(f"pull the images of release {want.version} anew", job(want, "pull")),)
    if known.moved is None or known.moved.key != want.key:
        return ()
    if jobs.resting(known.result("up", want.key)):
        return ()
    text, command = f"update the images of release {want.version}", job(want, "up")
    release = known.moved.name
    return (Step(text, command, Disrupts.SERVICES, item="images", release=release),)
