"""One KaituNode of the files, ready to be visited as the operator would visit it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from kaitu.api.connection import ConnectionSpec, HostSpec, fingerprint
from kaitu.api.node import ASPECTS, NodeSpec, validate
from kaitu.api.policy import Policy, allows_address
from kaitu.api.resolve import desired, references
from kaitu.cli import known_hosts
from kaitu.cli.manifests import Key, Manifests
from kaitu.cli.usage import UsageError
from kaitu.core.aspect import Problem
from kaitu.core.desired import Desired, Requests
from kaitu.core.errors import KaituError
from kaitu.core.models import Mode
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.engine.admit import Brake, Claims, Identity
from kaitu.engine.look import Managed, manage
from kaitu.engine.schedule import Pace, pace_of
from kaitu.engine.slots import Slots
from kaitu.engine.visit import Orders, Visit, visit
from kaitu.remote.connection import Connection
from kaitu.remote.pool import Pool
from kaitu.remote.ssh import ChangedKey, Patience, Target, learn

Announce = Callable[[str], Awaitable[Problem | None]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A node that may be visited, and how it is reached."""

    key: Key
    spec: NodeSpec
    pace: Pace
    target: Target
    desired: Desired
    managed: tuple[Managed, ...]

    @property
    def patience(self) -> Patience:
        return Patience.within(self.pace.timeout, len(self.target.jumps) + 1)

    def observed(self) -> "Prepared":
        """The same in mode Observe: nothing at all is written on the node."""
        return self._wanting(replace(self.desired, mode=Mode.OBSERVE))

    def asking(self, requests: Requests) -> "Prepared":
        """The same with what a person asks for beside the spec."""
        return self._wanting(replace(self.desired, requests=requests))

    def _wanting(self, wanted: Desired) -> "Prepared":
        return replace(self, desired=wanted, managed=manage(ASPECTS.values(), wanted))


def prepare(manifests: Manifests, key: Key, policy: Policy, identity: Secret | None) -> Prepared:
    """Raises ``KaituError`` with what stops the whole node, as the operator would say it."""
    namespace, name = key
    spec = validate(manifests.nodes[key].get("spec") or {})
    values = {one: manifests.value(namespace, one) for one in references(spec)}
    wanted = desired(namespace, name, spec, values, policy)
    return Prepared(
        key=key,
        spec=spec,
        pace=pace_of(spec),
        target=_way(manifests, namespace, spec.connection, identity),
        desired=wanted,
        managed=manage(ASPECTS.values(), wanted),
    )


def _way(
    manifests: Manifests, namespace: str, to: ConnectionSpec, identity: Secret | None
) -> Target:
    """How to reach the node, over its jumps; without host keys they are learned.

    ``identity`` is the node's own key: a jump is another machine, and keeps the one of its Secret.
    """

    def key(one: HostSpec) -> Secret:
        return manifests.private_key(namespace, one.private_key_secret_ref.name)

    jumps = tuple(Target.of(jump, key(jump), jump.host_keys) for jump in to.jumps)
    return replace(Target.of(to, identity or key(to), to.host_keys or ()), jumps=jumps)


def orders(identity: Identity, spec: NodeSpec, slots: Slots, announce: Announce) -> Orders:
    """No installation's node is taken over from here, and nobody else leads beside us: the fence
    on the node tells two of our own runs apart.
    """
    return Orders(
        identity=identity,
        claims=Claims(adopt=bool(spec.adopt)),
        brake=Brake((identity.namespace, identity.name), slots),
        may_write=lambda: True,
        announce=announce,
        superseded=lambda: False,
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """How this run reaches nodes. ``accept`` is the fingerprint of a changed key to be trusted."""

    pool: Pool
    policy: Policy
    accept: str = ""

    def denied(self, address: str) -> str | None:
        return allows_address(self.policy, address)

    async def session(self, prepared: Prepared) -> Connection:
        """An open connection; a key that was accepted is stored before anybody logs in with it."""
        try:
            return await self._session(prepared)
        except ChangedKey as error:
            self._accept(prepared, error)
        except UsageError as error:  # our file of host keys; other nodes have been asked by now
            raise KaituError(Reason.KNOWN_HOSTS_FAILED, str(error)) from None
        return await self._session(prepared)

    def _accept(self, prepared: Prepared, error: ChangedKey) -> None:
        if not prepared.spec.connection.learns:
            raise error
        if fingerprint(error.offered) != self.accept:
            raise known_hosts.explained(error) from None
        before = known_hosts.lookup(prepared.target)
        known_hosts.store(prepared.target, error.offered, instead_of=before)

    async def _session(self, prepared: Prepared) -> Connection:
        target, patience = prepared.target, prepared.patience
        if not target.host_keys:
            line = known_hosts.lookup(target)
            if line is None:
                line = await learn(target, self.denied, patience)
                known_hosts.store(target, line, instead_of=None)
            target = replace(target, host_keys=(line,))
        return await self.pool.session(prepared.key, target, self.denied, patience=patience)


async def call(reach: Reach, prepared: Prepared, ours: Orders) -> Visit:
    """One visit, within its deadline."""
    late, pace = Reason.DIAL_TIMEOUT, prepared.pace
    try:
        async with asyncio.timeout(pace.timeout):
            connection = await reach.session(prepared)
            late = Reason.VISIT_DEADLINE
            return await visit(prepared.managed, prepared.desired, connection, ours)
    except TimeoutError:
        reach.pool.forget(prepared.key)
        raise KaituError(late, f"no end within {pace.timeout:g} s") from None
