"""Where the login comes from, and what another client is given of it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from kaitu.cluster.errors import ApiError
from kaitu.cluster.login import Credentials, Login, contexts, credentials, log_in
from kaitu.controller.informer import _connection


def config(user: dict[str, Any], cluster: dict[str, Any], **context: str) -> str:
    return json.dumps({
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:6443/", **cluster}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", **context}}],
        "users": [{"name": "u", "user": user}],
        "current-context": "x",
    })  # fmt: skip


def loaded(folder: Path, text: str) -> Login:
    file = folder / "kubeconfig"
    file.write_text(text)
    return asyncio.run(log_in(str(file)))


def test_token_and_namespace(tmp_path: Path) -> None:
    found = loaded(tmp_path, config({"token": "t0p"}, {}, namespace="fleet"))
    assert found.namespace == "fleet"
    given = credentials(found.configuration)
    assert given == Credentials("https://127.0.0.1:6443", token="t0p")
    assert "t0p" not in repr(given) + repr(found)


def test_files_beside_the_kubeconfig(tmp_path: Path) -> None:
    """A comment before the first block is cut off: kopf would take the text for base64."""
    block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text(f"# {name}\n{block}")
    (tmp_path / "token").write_text("t0p\n")
    files = {"client-certificate": "cert", "client-key": "key", "tokenFile": "token"}
    found = loaded(tmp_path, config(files, {"certificate-authority": "ca"}))
    given = credentials(found.configuration)
    assert (given.ca_data, given.certificate_data, given.private_key_data) == (block, block, block)
    assert given.token == "t0p"


def test_proxy_of_the_cluster(tmp_path: Path) -> None:
    """kopf's watch goes the same way as our own requests, and the way may have a password."""
    proxy = "http://fleet:pr0xy@192.0.2.8:3128"
    found = loaded(tmp_path, config({}, {"proxy-url": proxy}))
    given = credentials(found.configuration)
    assert found.configuration.proxy == given.proxy_url == proxy
    assert "pr0xy" not in repr(given) + repr(found)
    assert _connection(given).proxy_url == proxy


def test_server_name_that_the_watch_could_not_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="tls-server-name is not supported"):
        loaded(tmp_path, config({}, {"tls-server-name": "kubernetes.default"}))


def test_token_of_a_program(tmp_path: Path) -> None:
    status = {"token": "from-program"}
    said = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    program = {
        "apiVersion": said["apiVersion"],
        "command": "echo",
        "args": [json.dumps({**said, "status": status})],
        "interactiveMode": "Never",
    }
    found = loaded(tmp_path, config({"exec": program}, {"insecure-skip-tls-verify": True}))
    given = credentials(found.configuration)
    assert given.token == "from-program"
    assert given.insecure


def test_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a pod: who sets it means it."""
    file = tmp_path / "other"
    file.write_text(config({}, {}))
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.2")
    found = asyncio.run(log_in(None))
    assert found.namespace == "default"
    assert credentials(found.configuration) == Credentials("https://127.0.0.1:6443")


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"current-context": "x"}'])
def test_login_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "kubeconfig"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ApiError, match=f"no login from {file}"):
        asyncio.run(log_in(str(file)))


def test_pod_without_an_account_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.2")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(ApiError, match="the pod's account"):
        asyncio.run(log_in(None))


@pytest.mark.parametrize("text", ['token: "s3cret', "token: @s3cret", "password: s3cret: b"])
def test_what_is_no_yaml_is_not_quoted(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(f"users:\n- user:\n    {text}\n")
    for ask in (lambda: asyncio.run(log_in(str(file))), lambda: contexts(str(file))):
        with pytest.raises(ApiError, match=r"it is not YAML, line [34]") as raised:
            ask()
        assert "s3cret" not in str(raised.value)
