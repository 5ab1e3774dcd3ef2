"""Each layer of a login has its reason, is reached in time, and a wrong host key gets nothing."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.remote import proof
from kaitu.remote.ssh import Patience, connect, options
from remote.servers import (
    HOST_KEY,
    OTHER_KEY,
    USER_KEY,
    USER_KEYS,
    allow,
    honest,
    private,
    public,
    refused,
    run,
    sshd,
    target,
)


def test_a_login_that_is_as_it_should_be() -> None:
    async def test() -> None:
        async with sshd(honest) as seen:
            connection = await connect(target(seen.port), allow)
            assert connection.alive
            assert connection.address == "127.0.0.1"
            assert connection.fingerprint == HOST_KEY.get_fingerprint()
            connection.close()

    run(test())


@pytest.mark.parametrize("seconds", [5, 10, 39, 40, 600])
def test_a_login_leaves_time_for_its_visit(seconds: float) -> None:
    patience = Patience.within(seconds)

    assert patience.dial is not None
    assert patience.dial + patience.banner + patience.login <= 0.75 * seconds
    assert (patience.banner == Patience().banner) == (seconds >= 40)


# The host key


def test_a_changed_host_key_gets_no_byte_of_a_login() -> None:
    async def test() -> None:
        async with sshd(honest) as seen:
            error = await refused(seen.port, host_keys=(public(OTHER_KEY),))
            assert error.reason is Reason.HOST_KEY_CHANGED
            assert (seen.connections, seen.logins) == (1, 0)

    run(test())


@pytest.mark.parametrize("kind", ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-rsa"])
def test_another_kind_of_key_is_a_changed_key(kind: str) -> None:
    """A reinstalled host may have no key of the pinned kind; that is no want of algorithms."""

    async def test() -> None:
        key = asyncssh.generate_private_key(kind)
        async with sshd(honest, server_host_keys=[key]) as seen:
            error = await refused(seen.port)
            assert (error.reason, seen.logins) == (Reason.HOST_KEY_CHANGED, 0)
            (await connect(target(seen.port, host_keys=(public(key),)), allow)).abort()

    run(test())


def test_of_many_keys_the_pinned_one_is_asked_for() -> None:
    async def test() -> None:
        pinned = asyncssh.generate_private_key("ssh-rsa")
        async with sshd(honest, server_host_keys=[HOST_KEY, pinned]) as seen:
            (await connect(target(seen.port, host_keys=(public(pinned),)), allow)).abort()

    run(test())


def test_the_pinned_key_must_be_proven() -> None:
    """Whoever knows only the public half of the pinned key cannot stand in for the node."""

    async def test() -> None:
        (stolen,) = asyncssh.load_keypairs([OTHER_KEY])
        stolen.public_data = HOST_KEY.public_data
        async with sshd(honest, server_host_keys=[stolen]) as seen:
            error = await refused(seen.port)
            assert (error.reason, seen.logins) == (Reason.HOST_KEY_CHANGED, 0)

    run(test())


# Algorithms and the login itself


@pytest.mark.parametrize(
    "offer", [{"kex_algs": ["ecdh-sha2-nistp256"]}, {"encryption_algs": ["aes256-ctr"]}]
)
def test_old_algorithms_are_not_used(offer: dict[str, Any]) -> None:
    async def test() -> None:
        async with sshd(honest, **offer) as seen:
            error = await refused(seen.port)
            assert (error.reason, seen.logins) == (Reason.ALGORITHM_MISMATCH, 0)

    run(test())


def test_a_refused_key_is_tried_once() -> None:
    async def test() -> None:
        async with sshd(honest) as seen:
            error = await refused(seen.port, private_key=private(OTHER_KEY))
            assert error.reason is Reason.AUTH_FAILED
            assert (seen.connections, seen.logins) == (1, 1)

    run(test())


@pytest.mark.parametrize("kind", USER_KEYS)
def test_a_key_is_proven_without_a_question(kind: str) -> None:
    """This fails where asyncssh has changed what ``proof`` takes for known."""

    async def test() -> None:
        async with sshd(honest) as seen:
            key = private(USER_KEYS[kind])
            (await connect(target(seen.port, private_key=key), allow)).abort()
            assert (seen.logins, seen.asked) == (1, 1)

    run(test())


@pytest.mark.parametrize("kind", USER_KEYS)
def test_a_refused_key_of_any_kind_is_named(kind: str) -> None:
    async def test() -> None:
        async with sshd(honest) as seen:
            key = private(asyncssh.generate_private_key(kind))
            error = await refused(seen.port, private_key=key)
            assert (error.reason, seen.asked) == (Reason.AUTH_FAILED, 1)

    run(test())


def test_another_asyncssh_goes_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_KNOWN", "no such part")

    async def test() -> None:
        async with sshd(honest) as seen:
            (await connect(target(seen.port), allow)).abort()
            assert (seen.logins, seen.asked) == (1, 2)

    run(test())


def test_a_login_that_hangs_is_given_up() -> None:
    async def test() -> None:
        async with sshd(honest, hang=True) as seen:
            assert (await refused(seen.port)).reason is Reason.LOGIN_TIMEOUT

    run(test())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        public(USER_KEY),
        USER_KEY.export_private_key("pkcs8-pem", passphrase="canary").decode(),
        USER_KEY.export_private_key().decode()[:-80],
    ],
    ids=["empty", "text", "public", "encrypted", "cut"],
)
def test_an_unusable_private_key_is_not_shown(text: str) -> None:
    with pytest.raises(KaituError) as caught:
        options(target(22, private_key=Secret(text)))
    assert caught.value.reason is Reason.KEY_INVALID
    assert caught.value.__cause__ is None
    assert caught.value.message == "the private key cannot be read"


@pytest.mark.parametrize("keys", [(), ("ssh-ed25519 AAAA",), ("nonsense",)])
def test_without_a_pinned_key_nothing_is_dialled(keys: tuple[str, ...]) -> None:
    async def test() -> None:
        async with sshd(honest) as seen:
            error = await refused(seen.port, host_keys=keys)
            assert (error.reason, seen.connections) == (Reason.INVALID_SPEC, 0)

    run(test())


# What is ours stays out of it


def test_nothing_of_our_own_account_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No ssh_config, no known_hosts, no agent, no keys of the account that we run as."""
    marker = tmp_path / "proxied"
    folder = tmp_path / ".ssh"
    folder.mkdir()
    (folder / "config").write_text(f"Host *\n  User eve\n  ProxyCommand touch {marker}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    calls = 0

    async def agent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        writer.close()

    async def test() -> None:
        server = await asyncio.start_unix_server(agent, tmp_path / "agent")
        async with server, sshd(honest) as seen:
            pinned = public(HOST_KEY)
            (folder / "known_hosts").write_text(f"[127.0.0.1]:{seen.port} {pinned}\n")
            (folder / "id_ed25519").write_bytes(USER_KEY.export_private_key())
            stranger = await refused(seen.port, host_keys=(public(OTHER_KEY),))
            assert stranger.reason is Reason.HOST_KEY_CHANGED
            keyless = await refused(seen.port, private_key=private(OTHER_KEY))
            assert keyless.reason is Reason.AUTH_FAILED
            (await connect(target(seen.port), allow)).abort()

    run(test())
    assert not marker.exists()
    assert calls == 0


def test_asyncssh_is_silent_about_commands() -> None:
    assert not logging.getLogger("asyncssh").isEnabledFor(logging.INFO)
