"""One KaituNode of the files, ready to be visited as the operator would visit it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from kaitu.api.node import ASPECTS, NodeSpec, validate
from kaitu.api.policy import Policy, allows_address
from kaitu.api.resolve import desired, references
from kaitu.cli.manifests import Key, Manifests
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
from kaitu.remote.pool import Pool
from kaitu.remote.ssh import Patience, Target

Announce = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A node that may be visited, and how it is reached."""

    key: Key
    spec: NodeSpec
    pace: Pace
    target: Target
    desired: Desired
    managed: tuple[Managed, ...]

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
    to = spec.connection
    private_key = identity or manifests.private_key(namespace, to.private_key_secret_ref.name)
    wanted = desired(namespace, name, spec, values, policy)
    return Prepared(
        key=key,
        spec=spec,
        pace=pace_of(spec),
        target=Target(to.host, to.port_number, to.user_name, private_key, tuple(to.host_keys)),
        desired=wanted,
        managed=manage(ASPECTS.values(), wanted),
    )


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


async def call(pool: Pool, policy: Policy, prepared: Prepared, ours: Orders) -> Visit:
    """One visit, within its deadline."""
    late, pace = Reason.DIAL_TIMEOUT, prepared.pace
    try:
        async with asyncio.timeout(pace.timeout):
            connection = await pool.session(
                prepared.key,
                prepared.target,
                lambda address: allows_address(policy, address),
                patience=Patience.within(pace.timeout),
            )
            late = Reason.VISIT_DEADLINE
            return await visit(prepared.managed, prepared.desired, connection, ours)
    except TimeoutError:
        pool.forget(prepared.key)
        raise KaituError(late, f"no end within {pace.timeout:g} s") from None
