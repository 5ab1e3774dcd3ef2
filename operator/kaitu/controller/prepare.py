"""Before a visit: the spec is validated, its references are resolved, the way is known."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kaitu.api.annotations import ADOPT, PULL_AT, REQUESTED_AT, RETRY
from kaitu.api.connection import HostSpec
from kaitu.api.node import ASPECTS, NodeSpec
from kaitu.api.policy import allows_address
from kaitu.api.resolve import desired, references, ssh_key
from kaitu.controller.app import App
from kaitu.controller.store import Record
from kaitu.controller.trust import keep, learned
from kaitu.core.desired import Desired, Reference, Requests
from kaitu.core.errors import KaituError
from kaitu.core.release import HELD
from kaitu.core.secrets import Secret
from kaitu.core.text import canonical, digest
from kaitu.engine.admit import Brake, Claims, Identity
from kaitu.engine.look import Managed, manage
from kaitu.engine.schedule import Pace, pace_of, spread
from kaitu.engine.visit import Orders
from kaitu.remote.connection import Connection
from kaitu.remote.ssh import Patience, Target, learn


@dataclass(frozen=True, slots=True)
class Prepared:
    """A spec that may be visited."""

    spec: NodeSpec
    pace: Pace
    target: Target
    desired: Desired
    managed: tuple[Managed, ...]
    revision: str


def requested(record: Record) -> bool:
    """Whether a person asked for a visit that has not been made yet."""
    token = record.annotations.get(REQUESTED_AT)
    return token is not None and token != record.status.get("handled", {}).get("requestedAt")


def _requests(record: Record) -> Requests:
    """A name that was tried again once is not tried again by the same annotation."""
    retry = record.annotations.get(RETRY, "")
    if retry == record.status.get("handled", {}).get("retry") or not HELD.fullmatch(retry):
        retry = ""
    pull_at = record.annotations.get(PULL_AT, "")
    return Requests(retry, pull_at, int(time.time()), spread(record.uid, 1.0))


async def prepare(app: App, record: Record, spec: NodeSpec) -> Prepared:
    """Resolve everything the visit needs; raises what stops the whole node."""
    needed = references(spec)
    app.uses[record.key] = _objects(record.namespace, spec, needed)
    values = {ref: await _read(app, record, ref) for ref in needed}
    target = await way(app, record, spec)
    asked = _requests(record)
    wanted = desired(record.namespace, record.name, spec, values, app.policy, asked)
    versions = app.references.versions(record.namespace, needed)
    return Prepared(
        spec=spec,
        pace=pace_of(spec),
        target=target,
        desired=wanted,
        managed=manage(ASPECTS.values(), wanted),
        revision=_revision(record.spec, versions),
    )


def _objects(
    namespace: str, spec: NodeSpec, needed: Iterable[Reference]
) -> frozenset[tuple[str, str, str]]:
    """The objects whose change concerns this node."""
    keys = {host.private_key_secret_ref.name for host in spec.connection.hosts}
    named = {("Secret", name) for name in keys} | {(one.kind, one.name) for one in needed}
    return frozenset((kind, namespace, name) for kind, name in named)


def _revision(spec: Mapping[str, Any], versions: Any) -> str:
    """Names a desired state: the spec before references are resolved, and their versions."""
    return digest(canonical([spec, versions]))[:16]


async def way(app: App, record: Record, spec: NodeSpec) -> Target:
    """How to reach the node; raises when a key is missing. Without host keys they are learned."""
    to = spec.connection
    jumps = [await _host(app, record, jump, jump.host_keys) for jump in to.jumps]
    pinned = to.host_keys or await learned(app, record, fresh=requested(record))
    return replace(await _host(app, record, to, pinned), jumps=tuple(jumps))


async def _host(app: App, record: Record, to: HostSpec, pinned: tuple[str, ...]) -> Target:
    name = to.private_key_secret_ref.name
    found = await app.references.secret(record.namespace, name, fresh=requested(record))
    return Target.of(to, ssh_key(found, name), pinned)


async def _read(app: App, record: Record, reference: Reference) -> Secret | KaituError:
    """A reference's value, or the error that names what is missing: its aspect decides."""
    try:
        return await app.references.value(record.namespace, reference, fresh=requested(record))
    except KaituError as error:
        return error


async def session(app: App, record: Record, target: Target, pace: Pace) -> Connection:
    """The pooled connection of this node, or a fresh one when a person asked for a visit.

    At the first contact with a node that has no key yet, its key is stored before the login.
    """
    patience = Patience.within(pace.timeout, len(target.jumps) + 1)

    def denied(address: str) -> str | None:
        return allows_address(app.policy, address)

    if not target.host_keys:
        line = await learn(target, denied, patience)
        await keep(app, record, line)
        target = replace(target, host_keys=(line,))
    return await app.pool.session(
        record.key, target, denied, fresh=requested(record), patience=patience
    )


def identity(app: App, record: Record) -> Identity:
    writer = app.writer
    fence = writer.fences.get(app.shards.of(record.uid), 0)  # 0: it went to another meanwhile
    return Identity(writer.installation, record.namespace, record.name, fence, writer.process)


def claims(app: App, record: Record, spec: NodeSpec) -> Claims:
    """The policy's installations, and the one that a person named in the annotation.

    By our own id in the policy two resources of one machine would take turns to own it for ever.
    """
    named = record.annotations.get(ADOPT)
    ids = set(app.policy.installation.adopt_from) - {app.writer.installation}
    if named and named != record.status.get("handled", {}).get("adopt"):
        ids.add(named)
    return Claims(adopt=bool(spec.adopt), ids=frozenset(ids))


def orders(
    app: App, record: Record, prepared: Prepared, announce: Any, left: Callable[[], float]
) -> Orders:
    return Orders(
        identity=identity(app, record),
        claims=claims(app, record, prepared.spec),
        brake=Brake(record.key, app.slots),
        may_write=lambda: app.may_write(record.key),
        announce=announce,
        superseded=lambda: _superseded(app, record),
        frozen=lambda: app.guard.frozen,
        left=left,
    )


def _superseded(app: App, record: Record) -> bool:
    return app.stopping or not app.leads(record) or app.queue.pending(record.key)
