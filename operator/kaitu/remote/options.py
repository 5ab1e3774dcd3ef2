"""Who logs in where, and the only options that are ever used for it."""

import logging
import os
from dataclasses import dataclass
from typing import Final, Self

import asyncssh
from asyncssh.kex import get_kex_algs

from kaitu.api.connection import HostSpec
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret

logging.getLogger("asyncssh").setLevel(logging.WARNING)  # at INFO it logs every command
# asyncssh asks for them and uses neither; it fails where our uid has no name, as in a pod.
os.environ.setdefault("LOGNAME", "kaitu")
os.environ.setdefault("HOME", "/")

_POST_QUANTUM: Final = "mlkem768x25519-sha256"  # only where the cryptography package has it
KEX: Final = [
    *([_POST_QUANTUM] if _POST_QUANTUM.encode() in get_kex_algs() else []),
    "curve25519-sha256",
]
_HOST_KEYS: Final = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a host is, who logs in with which key, and which keys it may answer with.

    ``jumps`` are the hosts on the way to it, in order; they have none of their own.
    """

    host: str
    port: int
    user: str
    private_key: Secret
    host_keys: tuple[str, ...]
    jumps: "tuple[Target, ...]" = ()

    @classmethod
    def of(cls, to: HostSpec, key: Secret, host_keys: tuple[str, ...]) -> Self:
        """As a spec names it."""
        return cls(to.host, to.port_number, to.user_name, key, host_keys)


def options(target: Target) -> asyncssh.SSHClientConnectionOptions:
    """The only options that are ever used: no files, no agent, no forwarding, no passwords."""
    return _options(target, _pinned(target.host_keys))


def to_learn(target: Target) -> asyncssh.SSHClientConnectionOptions:
    """The same with no key that would be trusted: no login may be tried with them."""
    return _options(target, [])


def _options(target: Target, pinned: list[asyncssh.SSHKey]) -> asyncssh.SSHClientConnectionOptions:
    return asyncssh.SSHClientConnectionOptions(
        username=target.user,
        client_keys=[private_key(target.private_key)],
        known_hosts=(pinned, [], []),
        server_host_key_algs=host_key_algorithms(pinned),
        config=None,
        agent_path=None,
        agent_forwarding=False,
        x11_forwarding=False,
        x509_trusted_certs=None,
        x509_trusted_cert_paths=[],
        gss_host=None,
        gss_kex=False,
        gss_auth=False,
        preferred_auth="publickey",
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        kex_algs=KEX,
        encryption_algs=[
            "aes256-gcm@openssh.com",
            "aes128-gcm@openssh.com",
            "chacha20-poly1305@openssh.com",
        ],
        keepalive_interval=0,  # see Connection
        keepalive_count_max=3,
        compression_algs=None,
        send_env=None,
        env=None,
        request_pty=False,
        encoding=None,
    )


def _pinned(lines: tuple[str, ...]) -> list[asyncssh.SSHKey]:
    """The keys themselves, for no host pattern can miss then. asyncssh takes none as any."""
    if not lines:
        raise KaituError(Reason.INVALID_SPEC, "hostKeys is empty: no key is pinned")
    try:
        return [asyncssh.import_public_key(line) for line in lines]
    except (asyncssh.KeyImportError, ValueError):
        raise KaituError(Reason.INVALID_SPEC, "a pinned host key is no public key") from None


def host_key_algorithms(pinned: list[asyncssh.SSHKey]) -> list[str]:
    """Those of the pinned keys first; a node with another kind of key has a changed key then."""
    kinds = [key.get_algorithm() for key in pinned] + list(_HOST_KEYS)
    return [name for kind in dict.fromkeys(kinds) for name in _HOST_KEYS.get(kind, ())]


def private_key(secret: Secret) -> asyncssh.SSHKey:
    """Raises ``KaituError`` (KeyInvalid)."""
    try:
        return asyncssh.import_private_key(secret.reveal())
    except (asyncssh.KeyImportError, ValueError):
        raise KaituError(Reason.KEY_INVALID, "the private key cannot be read") from None
