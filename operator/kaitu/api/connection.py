"""How a node is reached. Host keys are pinned; nothing switches checking off."""

import base64
import binascii
import ipaddress
from typing import Annotated, Any, Final

from pydantic import Field

from kaitu.core.models import ObjectName, Port, SpecModel
from kaitu.core.rules import Distinct, Rule

_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = rf"^({_LABEL}(\.{_LABEL})*|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$"
_KEY_TYPES: Final = "ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|ssh-rsa"
_HOST_KEY: Final = rf"^({_KEY_TYPES}) [A-Za-z0-9+/]+={{0,2}}( [ -~]*)?$"


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


HostKey = Annotated[
    str,
    Field(pattern=_HOST_KEY, max_length=2048),
    Rule("must be a whole public key", "", _is_key),
]


class KeySecretRef(SpecModel):
    """A Secret of type kubernetes.io/ssh-auth in the namespace of the KaituNode."""

    name: ObjectName
    """Name of the Secret; its key ssh-privatekey holds an unencrypted private key."""


class ConnectionSpec(SpecModel):
    """How the node is reached over SSH."""

    host: Annotated[
        str,
        Field(pattern=_HOST, max_length=253),
        Rule("must be an IP address or a DNS name", "", _addressable),
    ]
    """IP address or DNS name, as seen from the operator. The policy limits the addresses."""
    port: Port | None = None
    """Port of sshd. Default 22, as SSH has it."""
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]*$", max_length=32)] | None = None
    """Who logs in; anybody but root needs sudo without a password. Default root."""
    private_key_secret_ref: KeySecretRef
    """The private key to log in with."""
    host_keys: Annotated[tuple[HostKey, ...], Field(min_length=1, max_length=10), Distinct()]
    """The keys that the node may answer with, as in its /etc/ssh/ssh_host_*_key.pub. A node that
    answers with another one is not logged in to."""

    @property
    def port_number(self) -> int:
        return self.port or 22

    @property
    def user_name(self) -> str:
        return self.user or "root"
