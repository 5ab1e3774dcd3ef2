"""Reading a living node, and writing down what was read. Nothing is written on the node."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import TypeAdapter, ValidationError

from kaitu.api.connection import ConnectionSpec, fingerprint
from kaitu.api.node import told
from kaitu.api.policy import Policy, allows_address
from kaitu.aspects import sysctl
from kaitu.cli.describe import Described, Document, Found, describe
from kaitu.cli.usage import UsageError
from kaitu.core.facts import parse_host
from kaitu.core.living import parse_living, question
from kaitu.core.models import ObjectName
from kaitu.core.release import parse_releases
from kaitu.core.secrets import Secret
from kaitu.core.sections import ComposeSpec
from kaitu.remote.ssh import Target, connect, learn

_PLAIN: Final = re.compile(r"[!-~][ -~\n]*\n")
"""Texts that a block of YAML holds as they are; others are quoted."""
_AS_IT_WAS: Final = "# The compose file of the node, byte for byte; see that it holds no secret.\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A node as the command line names it."""

    host: str
    port: int
    user: str

    def target(self, key: Secret, host_keys: tuple[str, ...]) -> Target:
        return Target(self.host, self.port, self.user, key, host_keys)


def place(text: str, port: int) -> Place:
    user, _, host = text.rpartition("@")
    return Place(host.strip("[]"), port, user or "root")


def node_name(host: str) -> str:
    """A name for the resource: the first label of a name, an address with dashes."""
    label = host if re.fullmatch(r"[0-9.]+", host) else host.split(".")[0]
    return f"node-{label}".lower().replace(":", "-").replace(".", "-").strip("-")


@dataclass(frozen=True, slots=True)
class Import:
    """What is read from where, and how it will be called."""

    place: Place
    key: Secret
    policy: Policy
    directory: str
    name: str
    secret: str

    async def read(self, host_key: str, *, accept: bool) -> Described:
        """Log in with a key that a person has compared or accepts, and describe what is there."""
        self._check()
        line = host_key or await self._shown(accept=accept)
        connection = self._connection(line)
        found = await read(self.place.target(self.key, (line,)), self.policy, self.directory)
        return describe(self.name, connection, found)

    def _check(self) -> None:
        try:
            ComposeSpec.model_validate({"version": "any", "directory": self.directory})
            TypeAdapter(ObjectName).validate_python(self.name)
        except ValidationError:
            raise UsageError(
                "--directory must be a plain path, --name that of a resource"
            ) from None

    async def _shown(self, *, accept: bool) -> str:
        host = self.place.host
        line = await learn(self.place.target(self.key, ()), self.denied)
        if not accept:
            raise UsageError(
                f"{host} shows the host key {fingerprint(line)}; compare it with what ssh-keygen "
                f"-lf /etc/ssh/ssh_host_*_key.pub says there, then say --host-key '{line}'"
            )
        return line

    def denied(self, address: str) -> str | None:
        return allows_address(self.policy, address)

    def _connection(self, line: str) -> dict[str, Any]:
        """As a spec has it; raises ``UsageError`` with the field that is wrong."""
        found = {
            "host": self.place.host,
            "port": self.place.port,
            "user": self.place.user,
            "privateKeySecretRef": {"name": self.secret},
            "hostKeys": [line],
        }
        try:
            ConnectionSpec.model_validate(found)
        except ValidationError as error:
            raise UsageError(told(error, "connection")) from None
        return found


async def read(to: Target, policy: Policy, directory: str) -> Found:
    """Look at the node as a visit does, and read its files."""
    session = await connect(to, lambda ip: allows_address(policy, ip))
    here = f"{directory}\n".encode()
    try:
        living = parse_living(await session.read(question(directory)))
        asked = {"host": here, "sysctl": b"", "compose": here}
        answers = await session.probe(asked)
    finally:
        session.close()
    drop_in = sysctl.parse(answers, {}).drop_in
    return Found(
        directory=directory,
        host=parse_host(answers["host"]),
        releases=parse_releases(answers),
        living=living,
        drop_in=drop_in.content if drop_in else None,
    )


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are, where YAML can."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = ("|" if _PLAIN.fullmatch(text) else '"') if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(document: Document) -> str:
    """YAML that reads back as the same, byte for byte."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=float("inf"))


def files(described: Described) -> dict[str, str]:
    """The files that say what was found, by name."""
    name = described.node["metadata"]["name"]
    notes = "".join(f"# {note}\n" for note in described.notes)
    found = {f"{name}.yaml": notes + dump(described.node)}
    if described.release:
        release = described.release["metadata"]["name"]
        found[f"{release}.yaml"] = _AS_IT_WAS + dump(described.release)
    return found


def write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Into the folder; nothing that is there already is written over."""
    paths = {folder / name: text for name, text in texts.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in paths.items():
            if path.exists() and path.read_bytes() != text.encode():
                told = "is there already and says something else; nothing written"
                raise UsageError(f"{path} {told}")
        for path, text in paths.items():
            path.touch(mode=0o600)  # a compose file can hold what is nobody else's to read
            path.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror}") from None
    return list(paths)
