"""Who we are to the API server, by the official package's own loaders."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME, load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

from kaitu.cluster.errors import ApiError

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


async def log_in(kubeconfig: str | None) -> Login:
    """Load the given file, else $KUBECONFIG, else the pod's account, else ~/.kube/config.

    Raises ``ApiError`` when that cannot be read.
    """
    chosen = kubeconfig or os.environ.get("KUBECONFIG")
    try:
        if not chosen and os.environ.get(SERVICE_HOST_ENV_NAME):
            return _of_pod()
        return await _of_file(chosen or str(Path(HOME).expanduser()))
    except _UNREADABLE as error:
        where = chosen or "the pod's account, or ~/.kube/config"
        raise ApiError(0, f"no login from {where}: {error}") from None


def _of_pod() -> Login:
    ours = Configuration()
    load_incluster_config(client_configuration=ours)
    return Login(ours, POD_NAMESPACE.read_text().strip())


async def _of_file(kubeconfig: str) -> Login:
    ours = Configuration()
    loader = await load_kube_config(
        config_file=kubeconfig,
        client_configuration=ours,
        persist_config=False,
    )
    if ours.tls_server_name:
        raise ValueError(NO_SERVER_NAME)
    context = loader.current_context["context"]
    return Login(ours, context.get("namespace") or "default")


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
