"""What ``doctor`` looks at, from the kubeconfig to the nodes: each finding says how to mend it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from kaitu.api.connection import ConnectionSpec
from kaitu.api.resolve import ssh_key
from kaitu.api.served import APPLY, OPENAPI, compare
from kaitu.cli.kube import look
from kaitu.cli.kube.findings import Finding, Level, nodes, operators, unled
from kaitu.cli.kube.look import Body
from kaitu.cli.kube.session import Session
from kaitu.cli.kube.versions import Held, leases, others
from kaitu.cluster.errors import ApiError, Forbidden, Missing, Unauthorized
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote.options import private_key

FRESH: Final = 30.0
"""Seconds within which a Lease was renewed by an operator that lives, where clocks agree."""
LOOK_AGAIN: Final = 7.0
"""Seconds in which a living operator renews it, whatever the clocks say."""


class Stop(Exception):
    """Nothing that comes after this can be looked at."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


async def examine(session: Session) -> AsyncIterator[Finding]:
    """All findings, in the order in which one thing rests on another."""
    try:
        yield await _server(session)
        yield await _user(session)
        yield await _kind(session)
    except Stop as stop:
        yield stop.finding
        return
    async for finding in _rights(session):
        yield finding
    bodies, silent = await _bodies(session)
    async for finding in _operators(session, bodies):
        yield finding
    if silent:
        yield silent
        return
    async for finding in _nodes(session, bodies):
        yield finding


async def _server(session: Session) -> Finding:
    try:
        found = await session.api.get("/version")
    except Unauthorized:
        raise Stop(_unknown_user()) from None
    except Forbidden:
        return Finding("server", Level.UNKNOWN, "it answers, but does not tell its version")
    except ApiError as error:
        mend = (
            "see `server`, certificate and proxy of the kubeconfig, the network between, and "
            "whether the API server runs"
        )
        raise Stop(Finding("server", Level.BAD, str(error), mend)) from None
    return Finding("server", Level.OK, f"Kubernetes {found['gitVersion']}")


def _unknown_user() -> Finding:
    return Finding(
        "login",
        Level.BAD,
        "the API server does not know you: the token or certificate has expired, was revoked, or "
        "is another cluster's",
        "log in again as your cluster has it, or choose another --context or --kubeconfig",
    )


async def _user(session: Session) -> Finding:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        found = await session.api.create(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews", review
        )
    except Unauthorized:
        raise Stop(_unknown_user()) from None
    except ApiError as error:
        return Finding("login", Level.UNKNOWN, str(error))
    name = found["status"]["userInfo"].get("username", "?")
    return Finding("login", Level.OK, f"you are {name}")


async def _kind(session: Session) -> Finding:
    try:
        served = compare(await session.api.get(OPENAPI))
    except Missing:
        served = None
    except ApiError as error:
        return Finding("crd", Level.UNKNOWN, str(error))
    if served is None:
        raise Stop(Finding("crd", Level.BAD, "the CRD kaitunodes is missing", APPLY))
    if served.too_old:
        what, _, mend = served.too_old.partition("; ")
        return Finding("crd", Level.BAD, what, mend)
    if served.newer:
        mend = "upgrade this program, and the operator if it says the same in its log"
        return Finding("crd", Level.NOTE, served.newer, mend)
    return Finding("crd", Level.OK, "it is there, and has the fields that this program knows")


_USES: Final = {
    "get": "get, status, diff",
    "list": "get, watch",
    "watch": "watch, get -w",
    "patch": "reconcile, suspend, resume, retry, adopt, accept-host-key",
}


async def _rights(session: Session) -> AsyncIterator[Finding]:
    """What you may not do is no fault of the installation."""
    from kaitu.cluster.access import denied, on_nodes

    where = "" if session.where.everywhere else session.namespace
    try:
        lacking = {
            one.verb for one in await denied(session.api, [on_nodes(v, where) for v in _USES])
        }
    except ApiError as error:
        yield Finding("rights", Level.UNKNOWN, str(error))
        return
    for verb, commands in _USES.items():
        if verb in lacking:
            message = f"you may not {verb} kaitunodes in {session.scope_name}, as for: {commands}"
            mend = "if you should, have whoever runs the cluster grant it"
            yield Finding("rights", Level.NOTE, message, mend)
    if not lacking:
        yield Finding("rights", Level.OK, f"you may use all commands in {session.scope_name}")


async def _bodies(session: Session) -> tuple[Sequence[Body], Finding | None]:
    """The nodes, or why they are not known."""
    try:
        return await session.nodes(), None
    except ApiError as error:
        return [], Finding("nodes", Level.UNKNOWN, str(error))


async def _operators(session: Session, bodies: Sequence[Body]) -> AsyncIterator[Finding]:
    try:
        known, all_seen = await leases(session)
        alive = await _alive(session, known)
    except ApiError as error:
        yield Finding("operator", Level.UNKNOWN, str(error))
        return
    if not alive and not all_seen and not known:
        yield Finding("operator", Level.UNKNOWN, "you may not read its Lease")
        return
    of_nodes = {look.key(body)[0] for body in bodies}
    spaces = sorted(of_nodes) if session.where.everywhere else [session.namespace]
    for finding in operators(known, alive, spaces):
        yield finding
    for one in alive:
        for finding in unled(one, await _unled(session, one)):
            yield finding


async def _unled(session: Session, first: Held) -> list[int]:
    """The shards of this fleet whose Lease nobody renews; nothing where clocks do not agree."""
    now = look.now()
    found = await others(session, first) if _age(first, now) < FRESH else {}
    return [n for n, one in found.items() if not (one and one.holder and _age(one, now) < FRESH)]


async def _alive(session: Session, known: Sequence[Held]) -> list[Held]:
    """By its clock or, where that is old, by what is seen to change."""
    now = look.now()
    fresh = [one for one in known if one.holder and _age(one, now) < FRESH]
    if len(fresh) == len([one for one in known if one.holder]):
        return fresh
    await asyncio.sleep(LOOK_AGAIN)
    before = {one.namespace: one.renewed for one in known}
    again, _ = await leases(session)
    return [one for one in again if one.holder and one.renewed != before.get(one.namespace)]


def _age(one: Held, now: Any) -> float:
    return abs((now - one.renewed).total_seconds()) if one.renewed else float("inf")


async def _nodes(session: Session, bodies: Sequence[Body]) -> AsyncIterator[Finding]:
    if not bodies:
        yield Finding("nodes", Level.NOTE, f"there is no KaituNode in {session.scope_name}")
    async for finding in _keys(session, bodies):
        yield finding
    for finding in nodes(bodies):
        yield finding


async def _keys(session: Session, bodies: Sequence[Body]) -> AsyncIterator[Finding]:
    """Each key Secret once, with the nodes and jumps that log in by it."""
    wanted = sorted({(look.key(body)[0], name) for body in bodies for name in _secrets(body)})
    good = 0
    for namespace, name in wanted:
        try:
            private_key(ssh_key(await _secret(session, namespace, name), name))
        except Forbidden:
            message = "not looked at: you may not get Secrets; the operator's own rights count"
            yield Finding("keys", Level.UNKNOWN, message)
            return
        except ApiError as error:
            yield Finding("keys", Level.UNKNOWN, str(error))
        except KaituError as error:
            yield Finding("keys", Level.BAD, f"{namespace}: {error.message}", error.row.hint)
        else:
            good += 1
    if good and good == len(wanted):
        yield Finding("keys", Level.OK, f"all {good} key Secrets hold a private key")


async def _secret(session: Session, namespace: str, name: str) -> Body:
    try:
        return await session.api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    except Missing:
        raise KaituError(Reason.KEY_NOT_FOUND, f"Secret {name} does not exist") from None


def _secrets(body: Body) -> Iterator[str]:
    try:
        to = ConnectionSpec.model_validate(body["spec"]["connection"])
    except ValueError:  # the node's own status says so
        return
    for host in to.hosts:
        yield host.private_key_secret_ref.name
