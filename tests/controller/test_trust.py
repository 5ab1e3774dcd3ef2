"""A changed host key is trusted only where a person named this very one, and once."""

import asyncio
from typing import Any

import asyncssh
import pytest

from controller.toy import known, node, operator
from kaitu.api.annotations import ACCEPT_HOST_KEY
from kaitu.api.connection import fingerprint
from kaitu.api.node import NodeSpec, validate
from kaitu.controller import prepare
from kaitu.controller import reconcile as turns
from kaitu.controller.app import App
from kaitu.controller.prepare import session, way
from kaitu.controller.trust import accept, explained
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.engine.schedule import Pace
from kaitu.remote.ssh import ChangedKey, Target
from remote.servers import HOST_KEY, OTHER_KEY, public

OLD, NEW = (" ".join(public(key).split()[:2]) for key in (HOST_KEY, OTHER_KEY))
PRINT = fingerprint(NEW)
LEARNS = {
    "host": "192.0.2.1",
    "privateKeySecretRef": {"name": "key"},
    "hostKeyPolicy": "TrustOnFirstUse",
}
CHANGED = ChangedKey(NEW)


class ToyHosts:
    """Known hosts with one node in them; ``full`` takes nothing more."""

    def __init__(self, line: str | None, *, full: bool = False) -> None:
        self.line, self.full = line, full

    async def key(self, *_: str, **__: bool) -> str | None:
        return self.line

    async def store(
        self, _namespace: str, _name: str, line: str, *, instead_of: str | None
    ) -> None:
        if self.full:
            raise KaituError(Reason.KNOWN_HOSTS_FAILED, "full")
        assert self.line == instead_of
        self.line = line


def trusting(
    line: str | None = OLD, token: str | None = None, handled: str = "", *, full: bool = False
) -> tuple[App, Any, NodeSpec]:
    body = node(spec={"connection": LEARNS})
    body["metadata"]["annotations"] = {ACCEPT_HOST_KEY: token} if token else {}
    body["status"] = {"handled": {"acceptHostKey": handled}}
    app, _ = operator(body)
    hosts: Any = ToyHosts(line, full=full)
    app.known_hosts = hosts
    return app, hosts, validate(body["spec"])


@pytest.mark.parametrize(
    ("token", "handled", "trusted"),
    [
        (None, "", False),
        (PRINT, "", True),
        (PRINT, "SHA256:other", True),
        (PRINT, PRINT, False),  # it was accepted once, before the key of now was
        (fingerprint(OLD), "", False),
        (PRINT.removeprefix("SHA256:"), "", False),
    ],
)
def test_only_the_named_key_is_accepted_and_once(token, handled, trusted):
    app, hosts, spec = trusting(token=token, handled=handled)

    assert asyncio.run(accept(app, known(app), spec, CHANGED)) is trusted
    assert hosts.line == (NEW if trusted else OLD)


def test_a_pinned_key_is_changed_by_the_spec_alone():
    app, hosts, _ = trusting(token=PRINT)
    pinned = {**LEARNS, "hostKeyPolicy": "Pinned", "hostKeys": [OLD]}

    assert not asyncio.run(accept(app, known(app), validate({"connection": pinned}), CHANGED))
    assert hosts.line == OLD


def test_the_way_out_is_printed_as_a_command():
    app, _, spec = trusting()

    error = explained(known(app), spec, CHANGED)

    assert error.reason is Reason.HOST_KEY_CHANGED
    assert error.message.endswith(
        "kubectl -n default annotate --overwrite kaitunode n1"
        f" fleet.kaitu.io/accept-host-key={PRINT}"
    )


def turn(monkeypatch: pytest.MonkeyPatch, app: App) -> float | None:
    """A turn in which the node answers with the new key."""

    async def changed(*_: Any) -> None:
        raise CHANGED

    monkeypatch.setattr(turns, "prepare", changed)
    found: float | None = asyncio.run(turns.reconcile(app, known(app).key))
    return found


def test_an_accepted_key_is_used_at_once(monkeypatch):
    app, hosts, _ = trusting(token=PRINT)

    assert turn(monkeypatch, app) == 0.0
    assert hosts.line == NEW


@pytest.mark.parametrize(
    ("token", "full", "reason"),
    [(None, False, "HostKeyChanged"), (PRINT, True, "KnownHostsFailed")],
)
def test_what_is_not_accepted_or_not_stored_stops(monkeypatch, token, full, reason):
    app, hosts, _ = trusting(token=token, full=full)

    turn(monkeypatch, app)

    assert hosts.line == OLD
    conditions = {c["type"]: c["reason"] for c in known(app).status["conditions"]}
    assert conditions["Reachable"] == reason


# The first contact


def first_contact(monkeypatch: pytest.MonkeyPatch, app: App) -> list[Target]:
    """The targets that were logged in to when the node proved the new key."""
    entered: list[Target] = []

    async def learn(target: Target, *_: Any) -> str:
        assert target.host_keys == ()
        return NEW

    async def enter(_key: Any, target: Target, *_: Any, **__: Any) -> None:
        entered.append(target)

    monkeypatch.setattr(prepare, "learn", learn)
    monkeypatch.setattr(app.pool, "session", enter)
    target = Target("192.0.2.1", 22, "root", Secret(""), ())
    asyncio.run(session(app, known(app), target, Pace(60, 60, 1)))
    return entered


def test_the_first_key_is_stored_and_pinned_for_the_login(monkeypatch):
    app, hosts, _ = trusting(None)

    (target,) = first_contact(monkeypatch, app)

    assert target.host_keys == (NEW,)
    assert hosts.line == NEW


@pytest.mark.parametrize(("before", "trusted"), [(NEW, True), (OLD, False)])
def test_a_node_whose_entry_was_lost_is_known_by_its_status(monkeypatch, before, trusted):
    app, hosts, _ = trusting(None)
    status = known(app).status
    known(app).status = {**status, "connection": {"hostKeyFingerprint": fingerprint(before)}}

    if trusted:
        assert first_contact(monkeypatch, app)
    else:
        with pytest.raises(ChangedKey):
            first_contact(monkeypatch, app)
    assert hosts.line == (NEW if trusted else None)


def test_without_a_store_nobody_logs_in(monkeypatch):
    app, hosts, _ = trusting(None, full=True)

    with pytest.raises(KaituError, match="full"):
        first_contact(monkeypatch, app)
    assert hosts.line is None


def test_each_host_on_the_way_has_its_own_key_and_all_are_in_use(monkeypatch):
    app, _, _ = trusting()
    jump = {"host": "bastion", "privateKeySecretRef": {"name": "hop"}, "hostKeys": [NEW]}
    spec = validate({"connection": {**LEARNS, "jumps": [{**jump, "user": "hop", "port": 1022}]}})
    private = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()

    async def secret(_: str, name: str, *, fresh: bool) -> Any:
        text = {"ssh-privatekey": f"{name}:{private}"}
        return {"type": "kubernetes.io/ssh-auth", "stringData": text, "metadata": {}}

    monkeypatch.setattr(app.references, "secret", secret)
    target = asyncio.run(way(app, known(app), spec))

    assert (target.host, target.user, target.host_keys) == ("192.0.2.1", "root", (OLD,))
    (over,) = target.jumps
    assert (over.host, over.port, over.user, over.host_keys) == ("bastion", 1022, "hop", (NEW,))
    assert over.private_key.reveal().startswith("hop:")
    assert target.private_key.reveal().startswith("key:")
    used = {name for _, _, name in prepare._objects("default", spec, ())}
    assert used == {"hop", "key"}
