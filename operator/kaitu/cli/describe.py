"""From what lives on a node to the YAML that says the same. Pure; the secrets stay on the node."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from kaitu.api.crd import GROUP, VERSION
from kaitu.aspects import cron, sysctl
from kaitu.cli.manifests import Manifests, gather
from kaitu.core.desired import DEFAULT_DIRECTORY
from kaitu.core.facts import HostFacts
from kaitu.core.k2 import HOP_MAX, HOP_MIN, check_variables
from kaitu.core.living import Living
from kaitu.core.release import Releases
from kaitu.core.sections import COMPOSE_KEY, ComposeSpec, CronEntrySpec, SysctlSpec
from kaitu.core.text import MARK, MOST_SHOWN, digest, one_line

Document = dict[str, Any]

_NO_FILE: Final = {
    "absent": "there is no docker-compose.yml in {}",
    "unsafe": "docker-compose.yml in {} is not followed: it, or a directory above, is a symlink",
    "secret": "docker-compose.yml in {} sets K2_NODE_SECRET; it was not read: move that to .env",
    "long": "docker-compose.yml in {} is longer than 256 KiB",
}
_SETTING: Final = re.compile(r"(-?)([\w.-]+) = (.*)")
_ENTRY: Final = re.compile(r"(@\w+|(?:\S+ +){4}\S+) (\S+) (.*)")


@dataclass(frozen=True, slots=True)
class Found:
    """What was read from one node."""

    directory: str
    host: HostFacts
    releases: Releases
    living: Living
    drop_in: bytes | None


@dataclass(frozen=True, slots=True)
class Described:
    """``notes`` say what was left out, and why."""

    node: Document
    release: Document | None
    notes: tuple[str, ...] = ()

    @property
    def manifests(self) -> Manifests:
        return gather(("import", body) for body in (self.node, self.release) if body)


def describe(name: str, connection: Mapping[str, Any], found: Found) -> Described:
    """A KaituNode in mode Observe, and the ConfigMap with its compose file."""
    notes: list[str] = list(_owner(found))
    spec: Document = {"mode": "Observe", "connection": dict(connection)}
    release = _release(found, notes)
    if release:
        version = release["metadata"]["name"].removeprefix("compose-")
        other = found.directory != DEFAULT_DIRECTORY
        spec["compose"] = {"version": version, **({"directory": found.directory} if other else {})}
    values = _values(found.living, notes)
    if values:
        spec["env"] = {"vars": [{"name": n, "value": v} for n, v in values.items()]}
    if entries := list(_entries(found.living, notes)):
        spec["cron"] = {"entries": entries}
    if settings := _settings(found.drop_in, notes):
        spec["sysctl"] = {"settings": settings}
    node = _object(f"{GROUP}/{VERSION}", "KaituNode", name)
    told = tuple(one_line(note, MOST_SHOWN) for note in notes)  # they become comments of the YAML
    return Described({**node, "spec": spec}, release, told)


def _object(api: str, kind: str, name: str) -> Document:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}}


def _owner(found: Found) -> Iterator[str]:
    if found.host.owner:
        installation, resource = found.host.owner
        yield f"the node belongs to {resource} of installation {installation}"


def _release(found: Found, notes: list[str]) -> Document | None:
    """The file as it is. Its version is that of the node's record, else a name for these bytes."""
    content = found.living.file
    if isinstance(content, str):
        notes.append(_NO_FILE[content].format(found.directory))
        return None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        notes.append(f"docker-compose.yml in {found.directory} is not UTF-8 text")
        return None
    record, sha = found.releases.record, digest(content)
    known = record.version if record and record.file == sha else ""
    version = known if _is_version(known) else f"imported-{sha[:8]}"
    return {**_object("v1", "ConfigMap", f"compose-{version}"), "data": {COMPOSE_KEY: text}}


def _is_version(text: str) -> bool:
    """What a node says becomes the name of an object and of a file."""
    try:
        ComposeSpec.model_validate({"version": text})
    except ValidationError:
        return False
    return True


def _values(living: Living, notes: list[str]) -> dict[str, str]:
    values = dict(sorted(living.values.items()))
    names = set(living.names)
    if check_variables(values):  # the two ports are no range: not a spec, so told by name only
        names |= {HOP_MIN, HOP_MAX}
        values = {name: value for name, value in values.items() if name not in names}
    if names:
        notes.append(f"variables of .env whose values were not read: {', '.join(sorted(names))}")
    return values


def _entries(living: Living, notes: list[str]) -> Iterator[Document]:
    for file, content in sorted(living.cron.items()):
        entry = _entry(file, content)
        if entry:
            yield entry.model_dump(exclude_none=True)
        else:
            notes.append(f"{cron.FOLDER}/{file} is ours and is not as we write it")


def _entry(file: str, content: bytes) -> CronEntrySpec | None:
    """The entry that gives exactly this file, or None."""
    line = content.decode(errors="replace").removeprefix(f"{MARK}\n").removesuffix("\n")
    found = _ENTRY.fullmatch(line)
    if not found:
        return None
    schedule, user, command = found.groups()
    about = {"name": file.removeprefix("kaitu-"), "schedule": schedule, "command": command}
    try:
        entry = CronEntrySpec.model_validate({**about, "user": user} if user != "root" else about)
    except ValidationError:
        return None
    return entry if cron.render(entry) == content else None


def _settings(content: bytes | None, notes: list[str]) -> list[Document]:
    """The settings that give exactly this drop-in."""
    if content is None:
        return []
    lines = content.decode(errors="replace").splitlines()[1:]
    found = [match.groups() for line in lines if (match := _SETTING.fullmatch(line))]
    settings: list[Document] = [
        {"name": key, "value": value, **({"optional": True} if dash else {})}
        for dash, key, value in found
    ]
    try:
        same = sysctl.render(SysctlSpec.model_validate({"settings": settings})) == content
    except ValidationError:
        same = False
    if not same:
        notes.append(f"{sysctl.DROP_IN} is ours and is not as we write it")
    return settings if same else []
