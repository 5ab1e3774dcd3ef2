"""Who we are to the API server, by the official package's own loaders."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME, load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

from kaitu.cluster.errors import ApiError
from kaitu.core.strict import line_of

HOME: Final = "~/.kube/config"
POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
PEM: Final = "-----BEGIN "
NO_SERVER_NAME: Final = (
    "tls-server-name is not supported, as the watch could not use it: "
    "let `server` have a name that is in the API server's certificate"
)

_UNREADABLE: Final = (ConfigException, OSError, yaml.YAMLError, TypeError, ValueError)
"""What the loaders raise for files of all kinds of nonsense."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What another client of the same server needs: PEM texts, and the token without a scheme."""

    server: str
    ca_data: str | None = None
    insecure: bool = False
    token: str | None = field(default=None, repr=False)
    certificate_data: str | None = None
    private_key_data: str | None = field(default=None, repr=False)
    proxy_url: str | None = field(default=None, repr=False)  # it may have a password in it


@dataclass(frozen=True, slots=True)
class Login:
    """A loaded configuration, and the namespace that goes with it."""

    configuration: Configuration = field(repr=False)
    namespace: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a login is loaded from, and who asks, as the server's audit log has it."""

    kubeconfig: str | None
    context: str | None
    agent: str


async def log_in(kubeconfig: str | None, context: str | None = None) -> Login:
    """Load the given file, else $KUBECONFIG, else the pod's account, else ~/.kube/config.

    ``context`` is one of a file's, instead of its current one. Raises ``ApiError`` when that
    cannot be read.
    """
    chosen = kubeconfig or os.environ.get("KUBECONFIG")
    try:
        if not chosen and not context and os.environ.get(SERVICE_HOST_ENV_NAME):
            return _of_pod()
        return await _of_file(chosen or str(Path(HOME).expanduser()), context)
    except _UNREADABLE as error:
        where = chosen or "the pod's account, or ~/.kube/config"
        raise ApiError(0, f"no login from {where}: {_told(error)}") from None


def _told(error: Exception) -> str:
    """What YAML says of a file quotes it, and there are tokens in it."""
    if not isinstance(error, yaml.YAMLError):
        return str(error)
    return f"it is not YAML{line_of(error)}"


def _of_pod() -> Login:
    ours = Configuration()
    load_incluster_config(client_configuration=ours)
    return Login(ours, POD_NAMESPACE.read_text().strip())


async def _of_file(kubeconfig: str, context: str | None) -> Login:
    ours, chosen = Configuration(), context or _current(kubeconfig)
    if chosen is None:
        raise ValueError("there is no such file, or it has no current-context")
    loader = await load_kube_config(
        config_file=kubeconfig,
        context=chosen,
        client_configuration=ours,
        persist_config=False,
    )
    if ours.tls_server_name:
        raise ValueError(NO_SERVER_NAME)
    found = loader.current_context["context"]
    if not (ours.api_key or ours.cert_file) and found.get("user") in _plugged(kubeconfig):
        raise ValueError("the exec plugin of its user gave no credentials")  # else: anonymous
    return Login(ours, found.get("namespace") or "default")


def _plugged(kubeconfig: str) -> set[str]:
    """The users whose credentials a plugin gives; the loader goes on without when it fails."""
    users = [user for one in _loaded(kubeconfig) for user in one.get("users") or ()]
    return {user["name"] for user in users if "exec" in (user.get("user") or {})}


def contexts(kubeconfig: str | None) -> list[str]:
    """The names of all contexts. Raises ``ApiError`` where the files cannot be read."""
    chosen = kubeconfig or os.environ.get("KUBECONFIG") or HOME
    try:
        loaded = _loaded(chosen)
        return [one["name"] for config in loaded for one in config.get("contexts") or ()]
    except _UNREADABLE as error:
        raise ApiError(0, f"no login from {chosen}: {_told(error)}") from None


def _loaded(kubeconfig: str) -> list[dict[str, Any]]:
    files = [Path(one).expanduser() for one in kubeconfig.split(os.pathsep) if one]
    return [yaml.safe_load(file.read_text()) or {} for file in files if file.exists()]


def _current(kubeconfig: str) -> str | None:
    """Of several files the first that names a context decides, as for kubectl: the loader takes
    the last one, which may be another cluster's.
    """
    named = (one.get("current-context") for one in _loaded(kubeconfig))
    return next(filter(None, named), None)


def credentials(ours: Configuration) -> Credentials:
    """The configuration as plain values; its files are read at each call."""
    header = ours.api_key.get("BearerToken", "")
    return Credentials(
        server=ours.host,
        ca_data=_pem(ours.ssl_ca_cert),
        insecure=not ours.verify_ssl,
        token=header.partition(" ")[2].strip() or None,
        certificate_data=_pem(ours.cert_file),
        private_key_data=_pem(ours.key_file),
        proxy_url=ours.proxy,
    )


def _pem(path: str | None) -> str | None:
    """A PEM file from its first block on: kopf takes what begins otherwise for base64."""
    if not path:
        return None
    before, mark, blocks = Path(path).read_text().partition(PEM)
    return mark + blocks if mark else before
