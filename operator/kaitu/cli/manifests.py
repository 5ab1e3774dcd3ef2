"""KaituNodes, Secrets and ConfigMaps from YAML files, as ``kubectl apply`` would take them."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import TypeAdapter, ValidationError

from kaitu.api.crd import GROUP, VERSION
from kaitu.api.resolve import ABSENT, ssh_key, value_of
from kaitu.cli.usage import UsageError
from kaitu.core.desired import Reference
from kaitu.core.errors import KaituError
from kaitu.core.models import ObjectName
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret
from kaitu.core.strict import TWICE, StrictLoader, line_of

NODE: Final = "KaituNode"
_API: Final = {NODE: f"{GROUP}/{VERSION}", "Secret": "v1", "ConfigMap": "v1"}
_TEXTS: Final = ("data", "stringData", "binaryData")
_SUFFIXES: Final = {".yaml", ".yml", ".json"}
_NAME: Final[TypeAdapter[str]] = TypeAdapter(ObjectName)

Body = Mapping[str, Any]
Key = tuple[str, str]  # namespace, name


class _Loader(StrictLoader):
    """Leaves dates as the text that they are: JSON has none."""


_Loader.yaml_implicit_resolvers = {
    first: [one for one in found if one[0] != "tag:yaml.org,2002:timestamp"]
    for first, found in StrictLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True, slots=True)
class Manifests:
    """The objects by kind, namespace and name; one that names no namespace is in ``default``."""

    objects: Mapping[tuple[str, str, str], Body]

    @property
    def nodes(self) -> dict[Key, Body]:
        return {(ns, name): b for (kind, ns, name), b in self.objects.items() if kind == NODE}

    def value(self, namespace: str, reference: Reference) -> Secret | KaituError:
        """What the reference resolves to, or the error that says why it does not."""
        kind, name = reference.kind, reference.name
        try:
            found = self._find(Reason.REFERENCE_NOT_FOUND, kind, namespace, name)
            return value_of(found, reference)
        except KaituError as error:
            return error

    def private_key(self, namespace: str, name: str) -> Secret:
        return ssh_key(self._find(Reason.KEY_NOT_FOUND, "Secret", namespace, name), name)

    def _find(self, reason: Reason, kind: str, namespace: str, name: str) -> Body:
        found = self.objects.get((kind, namespace, name))
        if found is None:
            raise KaituError(reason, f"{kind} {name} {ABSENT}")
        return found


def load(places: Iterable[str]) -> Manifests:
    """The documents of files, of the files in folders, and of ``-``, which is stdin."""
    return gather(
        (source, body) for source, text in _texts(places) for body in _documents(source, text)
    )


def gather(found: Iterable[tuple[str, Body]]) -> Manifests:
    """Objects, each with where it is from; one that is there twice must be the same."""
    objects: dict[tuple[str, str, str], Body] = {}
    sources: dict[tuple[str, str, str], str] = {}
    for source, body in found:
        key = _key(source, body)
        if objects.setdefault(key, body) != body:
            what = f"{key[0]} {key[2]} of namespace {key[1]}"
            raise UsageError(f"{what} is in {sources[key]} and, differing, in {source}")
        sources[key] = source
    return Manifests(objects)


def _texts(places: Iterable[str]) -> Iterator[tuple[str, str]]:
    for place in places:
        if place == "-":
            yield "stdin", sys.stdin.read()
            continue
        path = Path(place)
        found = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in found:
            if file == path or (file.suffix in _SUFFIXES and file.is_file()):
                yield str(file), _read(file)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text") from None


def _documents(source: str, text: str) -> Iterator[Body]:
    """Those of the kinds we know. A parser's complaint quotes the text, so it is not repeated."""
    try:
        found = list(yaml.load_all(text, _Loader))
    except yaml.MarkedYAMLError as error:
        what = TWICE if error.problem == TWICE else "is no YAML"
        raise UsageError(f"{source}{line_of(error)}: {what}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UsageError(f"{source} is no YAML") from None
    for one in found:
        listed = isinstance(one, dict) and one.get("kind") == "List"
        items = (one.get("items") or ()) if listed else (one,)
        if not isinstance(items, list | tuple):
            raise UsageError(f"{source}: the items of a List must be a list")
        for body in items:
            if isinstance(body, dict) and str(body.get("kind")) in _API:
                yield body


def _key(source: str, body: Body) -> tuple[str, str, str]:
    kind, meta = body["kind"], body.get("metadata")
    if body.get("apiVersion") != _API[kind]:
        raise UsageError(f"{source}: apiVersion of a {kind} must be {_API[kind]}")
    try:
        name = _NAME.validate_python(meta["name"])  # type: ignore[index]
        namespace = _NAME.validate_python(meta.get("namespace", "default"))  # type: ignore[union-attr]
    except (ValidationError, TypeError, KeyError, AttributeError):
        raise UsageError(f"{source}: a {kind} has no name, or one that is none") from None
    _check(f"{source}: {kind} {name}", body)
    return kind, namespace, name


def _check(what: str, body: Body) -> None:
    """The API server sees to it that these are maps of text; here nobody else does."""
    for field in ("spec",) if body["kind"] == NODE else _TEXTS:
        found = body.get(field) or {}
        if not isinstance(found, dict):
            raise UsageError(f"{what}: {field} is no map")
        if field != "spec" and not all(isinstance(v, str) for v in found.values()):
            raise UsageError(f"{what}: {field} holds a value that is no text")
    if not isinstance(body["metadata"].get("labels") or {}, dict):
        raise UsageError(f"{what}: metadata.labels is no map")
