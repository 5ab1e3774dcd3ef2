"""The fleet's images in miniature: busybox and a script each, made and pushed without a daemon.

Times and order are fixed, so a version has the same digest in every run. A version named *-crash
ends at once, and the sidecar of a *-sick one never becomes healthy.
"""

import gzip
import hashlib
import http.client
import io
import json
import platform
import tarfile
from dataclasses import dataclass
from typing import Any

from lab.images import INSIDE
from lab.steps import LabError

SERVER = (INSIDE / "server.sh").read_bytes()
ROLES = {
    "k2-sidecar": (INSIDE / "sidecar.sh").read_bytes(),
    "k2v5": SERVER,
    "k2-slave": SERVER,
    "k2-oc": SERVER,
}
APPLETS = (
    "sh", "cat", "date", "sleep", "httpd", "mkdir", "rm", "test", "wget", "ls", "ps", "env",
    "kill", "touch", "echo", "nc", "ip", "id", "true", "false",
)  # fmt: skip
SECOND = 1_000_000_000
# Seldom when healthy: each check is a process, and ten nodes share two cores.
HEALTH = {
    "Test": ["CMD", "test", "-f", "/etc/kaitu/.ready"],
    "Interval": 5 * SECOND,
    "Timeout": 2 * SECOND,
    "StartPeriod": 4 * SECOND,
    "StartInterval": SECOND // 2,
    "Retries": 2,
}
DOCKER = "application/vnd.docker"
MANIFEST = f"{DOCKER}.distribution.manifest.v2+json"


@dataclass(frozen=True)
class Pushed:
    """By what Docker knows an image: engines differ in which of the two they call its id."""

    manifest: str
    image_id: str


@dataclass(frozen=True)
class RoleImage:
    role: str
    layers: tuple[bytes, ...]
    config: bytes

    @property
    def manifest(self) -> bytes:
        layer = f"{DOCKER}.image.rootfs.diff.tar.gzip"
        return _json({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(f"{DOCKER}.container.image.v1+json", self.config),
            "layers": [_descriptor(layer, data) for data in self.layers],
        })  # fmt: skip


def build(role: str, version: str, busybox: bytes) -> RoleImage:
    base = _layer({"bin/busybox": busybox}, {f"bin/{name}": "busybox" for name in APPLETS})
    words = {"role": f"{role}\n".encode(), "version": f"{version}\n".encode()}
    top = _layer({"entry": ROLES[role], **words}, {})
    config = _config(role, version, [_digest(base), _digest(top)])
    return RoleImage(role, (_zip(base), _zip(top)), _json(config))


def push(registry: str, image: RoleImage, tags: tuple[str, ...]) -> Pushed:
    for data in (*image.layers, image.config):
        _push_blob(registry, image.role, data)
    for name in tags:
        _put_manifest(registry, image.role, name, image.manifest)
    return Pushed(_digest(image.manifest), _digest(image.config))


def tag(registry: str, role: str, old: str, new: str) -> None:
    path = f"/v2/{role}/manifests/{old}"
    _, data = _call(registry, "GET", path, expect=200, headers={"Accept": MANIFEST})
    _put_manifest(registry, role, new, data)


def _put_manifest(registry: str, role: str, name: str, data: bytes) -> None:
    path, headers = f"/v2/{role}/manifests/{name}", {"Content-Type": MANIFEST}
    _call(registry, "PUT", path, data, expect=201, headers=headers)


def _push_blob(registry: str, role: str, data: bytes) -> None:
    uploads = f"/v2/{role}/blobs/uploads/"
    headers, _ = _call(registry, "POST", uploads, expect=202)
    place = "/v2/" + headers["Location"].split("/v2/", 1)[1]
    joint = "&" if "?" in place else "?"
    _call(registry, "PUT", f"{place}{joint}digest={_digest(data)}", data, expect=201)


def _call(
    registry: str,
    method: str,
    path: str,
    body: bytes = b"",
    *,
    expect: int,
    headers: dict[str, str] | None = None,
) -> tuple[http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(registry, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
    finally:
        connection.close()
    if answer.status != expect:
        raise LabError(f"registry: {method} {path}: {answer.status} {data[:200]!r}")
    return answer.headers, data


def _layer(files: dict[str, bytes], links: dict[str, str]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return raw.getvalue()


def _config(role: str, version: str, layers: list[str]) -> dict[str, Any]:
    run: dict[str, Any] = {"Entrypoint": ["/entry"], "Env": ["PATH=/bin"], "WorkingDir": "/"}
    run["Labels"] = {"org.opencontainers.image.version": version}
    if role == "k2-sidecar":
        run["Healthcheck"] = HEALTH
    machine = platform.machine()
    return {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
        "os": "linux",
        "created": "2025-01-01T00:00:00Z",
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [{"created_by": "busybox"}, {"created_by": f"{role} {version}"}],
    }


def _descriptor(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "size": len(data), "digest": _digest(data)}


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _zip(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)
