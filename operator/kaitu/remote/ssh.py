"""One SSH connection to one node, and bounded commands over it. The only home of asyncssh."""

import asyncio
import errno
import logging
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncssh

from kaitu.core.aspect import Answer
from kaitu.core.command import CATALOGUE, Command, Done
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.remote import dial, frame
from kaitu.remote.exec import Exec, Outcome
from kaitu.remote.loader import argv, payload

logging.getLogger("asyncssh").setLevel(logging.WARNING)  # at INFO it logs every command

DIAL_SECONDS: Final = 5.0
LOGIN_SECONDS: Final = 10.0
RESOLVE_SECONDS: Final = 5.0

Denied = Callable[[str], str | None]
"""The policy's rule against dialling an address, or None."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a node is, who logs in with which key, and which keys it may answer with."""

    host: str
    port: int
    user: str
    private_key: Secret
    host_keys: tuple[str, ...]


def options(target: Target) -> dict[str, Any]:
    """The only options that are ever used: no files, no agent, no forwarding, no passwords."""
    if not target.host_keys:
        raise KaituError(Reason.HOST_KEY_CHANGED, "no host key is pinned")
    name = f"[{target.host}]:{target.port}"
    pinned = "".join(f"{name} {' '.join(key.split()[:2])}\n" for key in target.host_keys)
    return {
        "username": target.user,
        "client_keys": [_key(target.private_key)],
        "known_hosts": asyncssh.import_known_hosts(pinned),
        "host_key_alias": None,
        "config": None,
        "agent_path": None,
        "agent_forwarding": False,
        "x11_forwarding": False,
        "x509_trusted_certs": None,
        "gss_host": None,
        "gss_kex": False,
        "gss_auth": False,
        "preferred_auth": "publickey",
        "password_auth": False,
        "kbdint_auth": False,
        "host_based_auth": False,
        "kex_algs": ["mlkem768x25519-sha256", "curve25519-sha256"],
        "encryption_algs": [
            "aes256-gcm@openssh.com",
            "aes128-gcm@openssh.com",
            "chacha20-poly1305@openssh.com",
        ],
        "login_timeout": LOGIN_SECONDS,
        "keepalive_interval": 5,
        "keepalive_count_max": 3,
        "compression_algs": None,
        "send_env": None,
        "env": None,
        "request_pty": False,
        "encoding": None,
    }


def _key(secret: Secret) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(secret.reveal())
    except (asyncssh.KeyImportError, ValueError):
        raise KaituError(Reason.KEY_INVALID, "the private key cannot be read") from None


class Connection:
    """An authenticated connection; one command at a time."""

    def __init__(self, ssh: asyncssh.SSHClientConnection, target: Target, address: str) -> None:
        self._ssh = ssh
        self._one_at_a_time = asyncio.Lock()
        self.target = target
        self.address = address
        self.alive = True

    @property
    def fingerprint(self) -> str:
        """SHA256 fingerprint of the key that the node answered with."""
        key = self._ssh.get_server_host_key()
        return str(key.get_fingerprint()) if key else ""

    async def probe(self, data: Mapping[str, bytes]) -> dict[str, Answer]:
        """Ask for these fragments, each with its data, in one execution."""
        words = tuple(f"{name}:{len(sent)}" for name, sent in data.items())
        command = Command("probe", words, b"".join(data.values()))
        return frame.fragments(await self._answer(command, ()), data.keys())

    async def write(self, command: Command, guard: tuple[str, ...]) -> Done:
        """Run a writing command; raises OutcomeUnknown when its answer got lost."""
        return frame.done(await self._answer(command, guard))

    async def dial(self, ports: tuple[int, ...]) -> dict[int, str]:
        return await dial.dial(self.address, ports)

    async def _answer(self, command: Command, guard: tuple[str, ...]) -> Any:
        nonce = secrets.token_hex(16)
        root = self.target.user == "root"
        line = argv(command, nonce, guard, sudo=not root)
        async with self._one_at_a_time:
            outcome = await self._run(command, line)
        return frame.parse(_believable(outcome), nonce)

    async def _run(self, command: Command, line: str) -> Outcome:
        """A deadline missed or a stream too long costs the connection: its channel would leak."""
        script = CATALOGUE[command.script]
        try:
            async with asyncio.timeout(script.seconds + 10):
                return await Exec.run(self._ssh, line, payload(command), script.most_bytes)
        except TimeoutError:
            self.abort()
            raise _broken(command, Reason.VISIT_DEADLINE, "no answer in time") from None
        except asyncssh.ChannelOpenError:
            self.abort()
            raise KaituError(Reason.CHANNEL_REFUSED, "sshd refused a session") from None
        except (asyncssh.Error, OSError):
            self.abort()
            raise _broken(command, Reason.CONNECTION_LOST, "the connection broke") from None
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        self.alive = False
        self._ssh.abort()


def _broken(command: Command, reason: Reason, what: str) -> KaituError:
    """Of a write whose answer got lost nobody can say whether it was done."""
    if CATALOGUE[command.script].writes:
        return KaituError(Reason.OUTCOME_UNKNOWN, f"{what} while {command.script} ran")
    return KaituError(reason, what)


def _believable(outcome: Outcome) -> bytes:
    """The stream of a command that ended by itself with status 0; the rest has its own reason."""
    if outcome.overflow:
        raise KaituError(Reason.OUTPUT_OVERFLOW, "the node sent far more than an answer")
    if outcome.lost:
        raise KaituError(Reason.CONNECTION_LOST, "the connection broke")
    if outcome.stderr.startswith(b"sudo:") and not outcome.stdout:
        raise KaituError(Reason.NO_PRIVILEGE, "sudo asks for a password or is not allowed")
    if outcome.status == 127 and b"sudo" in outcome.stderr:
        raise KaituError(Reason.NO_PRIVILEGE, "sudo is not installed")
    if outcome.status in {124, 137}:
        raise KaituError(Reason.VISIT_DEADLINE, "the node did not finish in time")
    if outcome.status != 0:
        raise KaituError(
            Reason.PROBE_REJECTED, f"the node's answer is not believed: status {outcome.status}"
        )
    return outcome.stdout


async def connect(target: Target, denied: Denied) -> Connection:
    """Dial, verify the host key, log in. Every phase has a deadline and a reason of its own."""
    settings = options(target)
    address = await _resolve(target)
    if rule := denied(address):
        raise KaituError(Reason.HOST_DENIED, f"{address} is denied by the policy rule {rule}")
    sock = await _dial(address, target.port)
    watch = _Watch()
    try:
        async with asyncio.timeout(LOGIN_SECONDS + 2):
            ssh = await asyncssh.connect(
                target.host, target.port, sock=sock, client_factory=lambda: watch, **settings
            )
    except BaseException as error:
        sock.close()
        if isinstance(error, asyncssh.Error | OSError | TimeoutError):
            raise _login_failure(error, watch) from None
        raise
    return Connection(ssh, target, address)


class _Watch(asyncssh.SSHClient):
    """Remembers how far the handshake came, to name the layer that failed."""

    key_seen = False

    def validate_host_public_key(self, *_: Any) -> bool:
        """Called for keys that are not pinned; none of them is accepted."""
        self.key_seen = True
        return False


async def _resolve(target: Target) -> str:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise KaituError(Reason.DNS_ERROR, f"no answer about {target.host}") from None
    except socket.gaierror as error:
        absent = error.errno in {socket.EAI_NONAME, socket.EAI_NODATA}
        reason = Reason.DNS_NOT_FOUND if absent else Reason.DNS_ERROR
        raise KaituError(reason, f"{target.host}: {error.strerror}") from None
    return str(found[0][4][0])


_DIAL_REASONS: Final = {
    errno.ECONNREFUSED: Reason.DIAL_REFUSED,
    errno.ETIMEDOUT: Reason.DIAL_TIMEOUT,
    errno.EMFILE: Reason.OBSERVER_DEGRADED,
    errno.ENFILE: Reason.OBSERVER_DEGRADED,
    errno.ENOBUFS: Reason.OBSERVER_DEGRADED,
    errno.EADDRNOTAVAIL: Reason.OBSERVER_DEGRADED,
}


async def _dial(address: str, port: int) -> socket.socket:
    """A connected socket to this very address: nothing is resolved a second time."""
    where = f"{address} port {port}"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _dial_failure(where, error) from None
    sock.setblocking(False)
    try:
        async with asyncio.timeout(DIAL_SECONDS):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):
            raise _dial_failure(where, error) from None
        raise
    return sock


def _dial_failure(where: str, error: OSError) -> KaituError:
    if isinstance(error, TimeoutError):
        return KaituError(Reason.DIAL_TIMEOUT, f"{where} does not answer")
    reason = _DIAL_REASONS.get(error.errno or 0, Reason.DIAL_UNREACHABLE)
    return KaituError(reason, f"{where}: {error.strerror or 'unreachable'}")


def _login_failure(error: BaseException, watch: _Watch) -> KaituError:
    """Which layer of the handshake failed; no text of the node is repeated."""
    if isinstance(error, asyncssh.HostKeyNotVerifiable) or watch.key_seen:
        return KaituError(
            Reason.HOST_KEY_CHANGED,
            "the node answers with a key that is not pinned; not logged in",
        )
    if isinstance(error, asyncssh.PermissionDenied):
        return KaituError(Reason.AUTH_FAILED, "the node refused the key")
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return KaituError(Reason.ALGORITHM_MISMATCH, "no algorithm in common with the node")
    if isinstance(error, asyncssh.ProtocolError | asyncssh.ProtocolNotSupported):
        return KaituError(Reason.NOT_SSH, "what answers does not speak SSH")
    if isinstance(error, TimeoutError) or "timeout" in str(error).lower():
        return KaituError(Reason.BANNER_TIMEOUT, "the port opens, but the login does not proceed")
    return KaituError(Reason.CONNECTION_LOST, "the connection broke during the login")
