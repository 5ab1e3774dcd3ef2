"""Which host key a node may answer with, where the spec pins none: learned once, then pinned."""

import logging

from kaitu.api.annotations import ACCEPT_HOST_KEY
from kaitu.api.connection import fingerprint
from kaitu.api.node import NodeSpec
from kaitu.cluster.known_hosts import NAME
from kaitu.controller.app import App
from kaitu.controller.store import Record
from kaitu.core.errors import KaituError
from kaitu.remote.ssh import ChangedKey

log = logging.getLogger(__name__)


async def learned(app: App, record: Record, *, fresh: bool) -> tuple[str, ...]:
    """The key that was stored for this node; none before the first contact."""
    line = await app.known_hosts.key(record.namespace, record.name, fresh=fresh)
    return (line,) if line else ()


async def keep(app: App, record: Record, line: str) -> None:
    """Store the key of the first contact. Raises rather than let anybody log in without.

    Where there was a contact before, its entry was lost: then no other key is learned.
    """
    before = record.status.get("connection", {}).get("hostKeyFingerprint")
    if before and before != fingerprint(line):
        raise ChangedKey(line)
    await app.known_hosts.store(record.namespace, record.name, line, instead_of=None)
    log.info("%s/%s: learned host key %s", record.namespace, record.name, fingerprint(line))


async def accept(app: App, record: Record, spec: NodeSpec, error: ChangedKey) -> bool:
    """Store the changed key if a person named just this one; whether it is trusted now."""
    if not spec.connection.learns or fingerprint(error.offered) != asked(record):
        return False
    before = await app.known_hosts.key(record.namespace, record.name, fresh=True)
    if before is None or fingerprint(before) != asked(record):
        await app.known_hosts.store(
            record.namespace, record.name, error.offered, instead_of=before
        )
    log.info("%s/%s: accepted host key %s", record.namespace, record.name, asked(record))
    return True


def asked(record: Record) -> str | None:
    """The fingerprint that a person asked to accept and that was not handled yet."""
    token = record.annotations.get(ACCEPT_HOST_KEY)
    handled = record.status.get("handled", {}).get("acceptHostKey")
    return None if token == handled else token


def explained(record: Record, spec: NodeSpec, error: ChangedKey) -> KaituError:
    """The same with what a person can do about it."""
    if not spec.connection.learns:
        return error
    offered = fingerprint(error.offered)
    return KaituError(
        error.reason,
        f"the host key is {offered}, not the one that was learned (ConfigMap {NAME}); "
        "not logged in. If the node itself shows this fingerprint (ssh-keygen -l on its console), "
        "accept it: "
        f"kubectl -n {record.namespace} annotate --overwrite kaitunode {record.name}"
        f" {ACCEPT_HOST_KEY}={offered}",
    )
