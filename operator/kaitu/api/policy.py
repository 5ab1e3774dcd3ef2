"""The operator's policy: what no KaituNode may ask for, whoever wrote it.

The file belongs to those who run the operator. A list that is set replaces its default.
"""

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Final

import yaml
from pydantic import AfterValidator, Field, IPvAnyNetwork, ValidationError

from kaitu.api.node import NodeSpec, told
from kaitu.core.desired import DEFAULT_DIRECTORY, PROTECTED_NAMES
from kaitu.core.errors import KaituError
from kaitu.core.models import SpecModel
from kaitu.core.reasons import Reason
from kaitu.core.strict import TWICE, StrictLoader, line_of

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

EVERYWHERE: Final = ("0.0.0.0/0", "::/0")
NEVER: Final = (
    "0.0.0.0/8",  # this host
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link-local, and the metadata service of most clouds
    "100.100.100.200/32",  # metadata, Alibaba Cloud
    "168.63.129.16/32",  # metadata, Azure
    "224.0.0.0/4",  # multicast
    "255.255.255.255/32",  # broadcast
    "::/128",
    "::1/128",
    "fe80::/10",
    "fd00:ec2::254/128",  # metadata, AWS
    "fd20:ce::254/128",  # metadata, Google Cloud
    "2001::/32",  # Teredo, which carries an IPv4 address
    "64:ff9b:1::/48",  # NAT64 of a site, likewise
    "ff00::/8",
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")

Networks = tuple[IPvAnyNetwork, ...]
_Directory = Annotated[str, Field(pattern=r"^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$", max_length=200)]

_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
_MOST_VARIABLES: Final = 480
"""Characters: the node is told all names, and K2_NODE_SECRET, in one word of a command."""


def _one_word(names: tuple[str, ...]) -> tuple[str, ...]:
    if (length := len(",".join(names))) > _MOST_VARIABLES:
        raise ValueError(f"the names have {length} characters, more than {_MOST_VARIABLES}")
    return names


def _networks(texts: tuple[str, ...]) -> Networks:
    return tuple(ipaddress.ip_network(text) for text in texts)


class HostsPolicy(SpecModel):
    """Where nodes may be. Checked on the address that is dialled, after DNS."""

    allow: Networks = _networks(EVERYWHERE)
    """Networks in which nodes may be. Default: everywhere."""
    deny: Networks = _networks(NEVER)
    """Networks in which they may not be, whatever allow says. Default: loopback, link-local,
    metadata services, multicast and unspecified addresses."""


class SysctlPolicy(SpecModel):
    """Which kernel settings may be written."""

    prefixes: tuple[str, ...] = ("net.", "vm.", "fs.file-max", "fs.nr_open", "fs.inotify.")
    """What a key starts with when the entry ends in a dot; else the whole key."""


class CronPolicy(SpecModel):
    """Who may run entries of cron."""

    users: tuple[str, ...] = ("root",)
    """Users on the node."""


class InstallationPolicy(SpecModel):
    """How this installation stands to others."""

    adopt_from: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$", max_length=64)], ...] = ()
    """Ids of installations whose nodes are taken over without being asked."""


class Policy(SpecModel):
    """What the operator does not do, whatever a KaituNode says."""

    hosts: HostsPolicy = HostsPolicy()
    """Where nodes may be."""
    directories: tuple[_Directory, ...] = ("/apps",)
    """Where deployments may live: these folders and what is below them."""
    sysctl: SysctlPolicy = SysctlPolicy()
    """Which kernel settings may be written."""
    protected_env: Annotated[tuple[_Variable, ...], AfterValidator(_one_word)] = ()
    """Variables that no spec may set, beside K2_NODE_SECRET. Compared without case; together at
    most 480 characters."""
    cron: CronPolicy = CronPolicy()
    """Who may run entries of cron."""
    max_disrupted: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many nodes of a namespace may be changed at once where that disturbs services."""
    installation: InstallationPolicy = InstallationPolicy()
    """How this installation stands to others."""

    @property
    def protected(self) -> frozenset[str]:
        """Every name that is kept out of, in upper case."""
        return PROTECTED_NAMES | {name.upper() for name in self.protected_env}


def parse(text: str) -> Policy:
    """A policy file's text. Raises ``KaituError`` (InvalidSpec) that names the field."""
    try:
        return Policy.model_validate(yaml.load(text, StrictLoader) or {})  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:  # its own words quote the file, which may be the wrong one
        what = TWICE if getattr(error, "problem", "") == TWICE else "the policy is not YAML"
        raise KaituError(Reason.INVALID_SPEC, f"{what}{line_of(error)}") from None
    except ValidationError as error:
        raise KaituError(Reason.INVALID_SPEC, told(error, root="policy")) from None


def denied(policy: Policy, spec: NodeSpec) -> dict[str, KaituError]:
    """By section, the first thing that the policy does not let it ask for; the others go on."""
    found: dict[str, KaituError] = {}
    for section, rule, what in (*_directory(policy, spec), *_items(policy, spec)):
        message = f"policy rule {rule} does not allow {what}"
        found.setdefault(section, KaituError(Reason.POLICY_DENIED, message))
    return found


_Breach = tuple[str, str, str]
"""The section, the rule, and the field with what it asks for."""


def _directory(policy: Policy, spec: NodeSpec) -> Iterator[_Breach]:
    """The deployment directory is also where .env is: a denied one stops both sections."""
    directory = (spec.compose and spec.compose.directory) or DEFAULT_DIRECTORY
    if not _below(directory, policy.directories):
        for section in ("compose", "env"):
            if getattr(spec, section):
                yield section, "directories", f"spec.compose.directory {directory}"


def _items(policy: Policy, spec: NodeSpec) -> Iterator[_Breach]:
    for index, setting in enumerate(spec.sysctl.settings if spec.sysctl else ()):
        if not _matches(setting.name, policy.sysctl.prefixes):
            yield "sysctl", "sysctl.prefixes", f"spec.sysctl.settings[{index}] {setting.name}"
    for index, entry in enumerate(spec.cron.entries if spec.cron else ()):
        if entry.runs_as not in policy.cron.users:
            yield "cron", "cron.users", f"spec.cron.entries[{index}].user {entry.runs_as}"
    for index, var in enumerate(spec.env.vars if spec.env else ()):
        if var.name.upper() in policy.protected:
            yield "env", "protectedEnv", f"spec.env.vars[{index}] {var.name}"


def _below(directory: str, roots: tuple[str, ...]) -> bool:
    return any(directory == root or directory.startswith(f"{root}/") for root in roots)


def _matches(key: str, prefixes: tuple[str, ...]) -> bool:
    return any(key.startswith(p) if p.endswith(".") else key == p for p in prefixes)


def allows_address(policy: Policy, ip: str) -> str | None:
    """The rule that forbids to dial this address, or None. Raises ``ValueError`` if it is none."""
    address, *others = _meanings(ipaddress.ip_address(ip))
    for meaning in (address, *others):
        for network in policy.hosts.deny:
            if meaning in network:
                return f"hosts.deny {network}"
    if not any(address in network for network in policy.hosts.allow):
        return "hosts.allow"
    return None


def _meanings(address: Address) -> Iterator[Address]:
    """What is dialled, then the IPv4 address that it leads to where a gateway translates."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
        return
    yield address
    if address.sixtofour:
        yield address.sixtofour
    if address in _NAT64 or address in _COMPATIBLE:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
