"""A real API server with etcd, RBAC and an audit log; no kubelet, no controllers.

The audit log is how tests count our requests and prove what the operator's role needs.
"""

import base64
import json
import os
import signal
import ssl
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab import ports, programs
from lab.command import Child, run
from lab.packages import need
from lab.steps import LabError, step
from lab.tokens import Tokens
from lab.wait import until

ADMIN = "lab-admin"
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass
class ControlPlane:
    """An API server of our own, or the cluster that KAITU_TEST_KUBECONFIG names."""

    state: Path
    kubeconfig: Path
    url: str
    audit_log: Path | None = None
    _own: "_Own | None" = None

    @classmethod
    def start(cls, state: Path) -> "ControlPlane":
        given = os.environ.get("KAITU_TEST_KUBECONFIG")
        if given:
            return cls._existing(state, Path(given))
        own = _Own.prepare(state)
        with step("starting etcd and the API server", "3 s"):
            own.start_etcd()
            own.start_apiserver()
        plane = cls(state, state / "admin.kubeconfig", own.url, own.audit_log, own)
        plane.kubeconfig_for(ADMIN, ("system:masters",)).rename(plane.kubeconfig)
        return plane

    @classmethod
    def _existing(cls, state: Path, kubeconfig: Path) -> "ControlPlane":
        plane = cls(state, kubeconfig, url="")
        plane.url = plane.kubectl("config", "view", "--minify", "-o", SERVER)
        return plane

    def kubeconfig_for(self, user: str, groups: tuple[str, ...] = ()) -> Path:
        """A file with a token of this user, who may do only what RBAC gives."""
        own = self._only_own("users by any name")
        return self._kubeconfig(user, own.tokens.issue(user, groups))

    def kubeconfig_of_account(self, namespace: str, name: str) -> Path:
        """The same with a token that the API server itself gives to a ServiceAccount's pods."""
        token = self.kubectl("--namespace", namespace, "create", "token", name)
        return self._kubeconfig(f"{namespace}_{name}", token.strip())

    def _kubeconfig(self, user: str, token: str) -> Path:
        own = self._only_own("a certificate to give on")
        path = self.state / f"{user.replace(':', '_')}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(_kubeconfig(own.url, own.ca, token))
        return path

    def kubectl(self, *args: str, input: str | None = None) -> str:  # noqa: A002
        """kubectl as administrator."""
        return run(
            str(programs.kubectl()), "--kubeconfig", str(self.kubeconfig), *args, input=input
        )

    def stop_apiserver(self) -> None:
        self._only_own("stopping the API server").stop_apiserver()

    def start_apiserver(self) -> None:
        """As it was: same ports, same data."""
        self._only_own("starting the API server").start_apiserver()

    def freeze_apiserver(self) -> None:
        """It keeps its connections and answers nothing any more."""
        self._only_own("freezing the API server").signal("kube-apiserver", signal.SIGSTOP)

    def thaw_apiserver(self) -> None:
        self._only_own("thawing the API server").signal("kube-apiserver", signal.SIGCONT)

    def stop(self) -> None:
        if self._own:
            self._own.stop()

    def _only_own(self, what: str) -> "_Own":
        if not self._own:
            raise LabError(
                f"KAITU_TEST_KUBECONFIG names a cluster that is not ours: it lacks {what}"
            )
        return self._own


SERVER = "jsonpath={.clusters[0].cluster.server}"


@dataclass
class _Own:
    """The two servers and what they share."""

    state: Path
    ports: list[int]
    tokens: Tokens
    servers: dict[str, Child] = field(default_factory=dict)

    @classmethod
    def prepare(cls, state: Path) -> "_Own":
        for name in ("etcd", "kube-apiserver"):
            programs.program(name)
        state.mkdir(parents=True, exist_ok=True)
        numbers = ports.free(4)
        own = cls(state, numbers, Tokens(numbers[3]))
        own.audit_log.touch()
        _write_json(state / "audit-policy.json", AUDIT)
        _write_json(state / "webhook.json", _config(f"http://127.0.0.1:{numbers[3]}", {}, {}))
        key = str(state / "accounts.key")
        need("ssh-keygen", package="openssh-client")
        run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", key)
        return own

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.ports[2]}"

    @property
    def audit_log(self) -> Path:
        return self.state / "audit.log"

    @property
    def ca(self) -> bytes:
        return (self.state / "certs" / "apiserver.crt").read_bytes()

    def start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{port}" for port in self.ports[:2])
        self._start("etcd", {
            "name": "lab",
            "data-dir": self.state / "etcd",
            "unsafe-no-fsync": "true",
            "log-level": "error",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"lab={peer}",
        })  # fmt: skip

    def start_apiserver(self) -> None:
        self._start("kube-apiserver", {
            "etcd-servers": f"http://127.0.0.1:{self.ports[0]}",
            "bind-address": "127.0.0.1",
            "advertise-address": "127.0.0.1",
            "secure-port": self.ports[2],
            "cert-dir": self.state / "certs",
            "service-cluster-ip-range": "10.255.0.0/24",
            "authorization-mode": "RBAC",
            "authentication-token-webhook-config-file": self.state / "webhook.json",
            "authentication-token-webhook-version": "v1",
            "service-account-issuer": "https://lab.invalid",
            "service-account-key-file": self.state / "accounts.key",
            "service-account-signing-key-file": self.state / "accounts.key",
            "audit-policy-file": self.state / "audit-policy.json",
            "audit-log-path": self.audit_log,
            "shutdown-delay-duration": "0s",
        })  # fmt: skip
        until(self._ready, 120, "ready API server")

    def stop_apiserver(self) -> None:
        self.servers.pop("kube-apiserver").stop(grace=3)

    def signal(self, name: str, number: signal.Signals) -> None:
        self.servers[name].process.send_signal(number)

    def stop(self) -> None:
        for server in reversed(self.servers.values()):
            server.stop(grace=3)
        self.tokens.close()

    def _start(self, name: str, flags: dict[str, object]) -> None:
        argv = [f"--{flag}={value}" for flag, value in flags.items()]
        self.servers[name] = Child.start(
            str(programs.program(name)), *argv, log=self.state / f"{name}.log"
        )

    def _ready(self) -> bool:
        for server in self.servers.values():
            server.check()
        context = ssl.create_default_context(cadata=self.ca.decode())
        with urllib.request.urlopen(f"{self.url}/readyz", context=context, timeout=5) as answer:
            return bool(answer.status == 200)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def _kubeconfig(url: str, ca: bytes, token: str) -> str:
    trust = {"certificate-authority-data": base64.b64encode(ca).decode()}
    return json.dumps(_config(url, trust, {"token": token}), indent=2)


def _config(url: str, trust: dict[str, str], user: dict[str, str]) -> dict[str, Any]:
    """The one file format that clients and webhooks share."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": url, **trust}}],
        "users": [{"name": "lab", "user": user}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }
