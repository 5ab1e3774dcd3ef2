"""How a node is reached. Host keys are pinned or learned once; nothing switches checking off."""

import base64
import binascii
import hashlib
import ipaddress
import re
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field

from kaitu.core.models import ObjectName, Port, SpecModel
from kaitu.core.rules import Distinct, Rule

_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = rf"^({_LABEL}(\.{_LABEL})*|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$"
_KEY_TYPES: Final = "ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa"
_HOST_KEY: Final = rf"^({_KEY_TYPES}) [A-Za-z0-9+/]+={{0,2}}( [ -~]*)?$"
MOST_KEY: Final = 2048


def _addressable(host: Any) -> bool:
    """What looks like an address must be one: resolvers read 127.1 and 2130706433 as addresses."""
    if ":" not in host and not host.rpartition(".")[2].isdigit():
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_key(line: Any) -> bool:
    """Whether the blob of a public key says that it is of the type written before it."""
    kind, blob = line.split(" ")[:2]
    try:
        data = base64.b64decode(blob, validate=True)
    except binascii.Error:
        return False
    size = int.from_bytes(data[:4], "big")
    return len(data) > 4 + size and data[4 : 4 + size] == kind.encode()


def is_host_key(line: str) -> bool:
    """Whether a line is a public key that may be pinned."""
    return bool(re.fullmatch(_HOST_KEY, line)) and len(line) <= MOST_KEY and _is_key(line)


def fingerprint(line: str) -> str:
    """The SHA-256 fingerprint of a public key, as ``ssh-keygen -l`` shows it."""
    blob = base64.b64decode(line.split(" ")[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


HostKey = Annotated[
    str,
    Field(pattern=_HOST_KEY, max_length=MOST_KEY),
    Rule("must be a whole public key", "", _is_key),
]
HostKeys = Annotated[tuple[HostKey, ...], Field(min_length=1, max_length=10), Distinct()]


class HostKeyPolicy(StrEnum):
    """Which host key is trusted."""

    PINNED = "Pinned"
    TRUST_ON_FIRST_USE = "TrustOnFirstUse"


class KeySecretRef(SpecModel):
    """A Secret of type kubernetes.io/ssh-auth in the namespace of the KaituNode."""

    name: ObjectName
    """Name of the Secret; its key ssh-privatekey holds an unencrypted private key."""


class HostSpec(SpecModel):
    """A host that is logged in to over SSH."""

    host: Annotated[
        str,
        Field(pattern=_HOST, max_length=253),
        Rule("must be an IP address or a DNS name", "", _addressable),
    ]
    """IP address or DNS name, which the operator resolves. The policy limits the addresses."""
    port: Port | None = None
    """Port of sshd. Default 22, as SSH has it."""
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]*$", max_length=32)] | None = None
    """Who logs in; on the node, anybody but root needs sudo without a password. Default root."""
    private_key_secret_ref: KeySecretRef
    """The private key to log in with."""

    @property
    def port_number(self) -> int:
        return self.port or 22

    @property
    def user_name(self) -> str:
        return self.user or "root"


class JumpSpec(HostSpec):
    """A host on the way to the node, dialled from the one before it. It must allow forwarding."""

    host_keys: HostKeys
    """The keys that it may answer with; those of a jump are always pinned, never learned."""


class ConnectionSpec(HostSpec):
    """How the node is reached over SSH."""

    RULES = (
        Rule(
            "hostKeys are required, but for hostKeyPolicy TrustOnFirstUse, which has none",
            "has(self.hostKeys) !="
            " (has(self.hostKeyPolicy) && self.hostKeyPolicy == 'TrustOnFirstUse')",
            lambda to: (to.host_keys is None) == to.learns,
        ),
    )

    host_keys: HostKeys | None = None
    """The keys that the node may answer with, as in its /etc/ssh/ssh_host_*_key.pub. A node that
    answers with another one is not logged in to. Required unless hostKeyPolicy is
    TrustOnFirstUse."""
    host_key_policy: HostKeyPolicy | None = None
    """Pinned (default): hostKeys are the keys. TrustOnFirstUse: the key of the first contact is
    stored in the ConfigMap kaitu-known-hosts of the namespace before anybody logs in, and pinned
    from then on; another one stops, until it is accepted by annotation."""
    jumps: Annotated[tuple[JumpSpec, ...], Field(max_length=3)] = ()
    """Hosts to go through, in this order, to reach the node. A visit's time is shared among them:
    raise spec.timeout where they are far."""

    @property
    def learns(self) -> bool:
        return self.host_key_policy is HostKeyPolicy.TRUST_ON_FIRST_USE

    @property
    def hosts(self) -> "tuple[HostSpec, ...]":
        """Every host that is logged in to: the jumps, then the node."""
        return (*self.jumps, self)
