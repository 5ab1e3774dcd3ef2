"""The API client against a real server: verbs, errors, pages, and logins that change."""

import asyncio
import base64
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.config import incluster_config

from kaitu.cluster import api as api_module
from kaitu.cluster import login
from kaitu.cluster.api import (
    Api,
    Conflict,
    Deposed,
    Forbidden,
    Missing,
    Unauthorized,
    Unavailable,
)
from lab.cluster import Cluster
from lab.controlplane import ControlPlane
from rights import Account, connected


@pytest.fixture(scope="module")
def account(cluster: Cluster) -> Account:
    return Account.of(cluster)


def configmaps(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def configmap(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def test_verbs_and_their_errors(cluster: Cluster) -> None:
    space = cluster.namespace

    async def use() -> None:
        async with connected(cluster.kubeconfig) as api:
            with pytest.raises(Missing, match='"one" not found'):
                await api.get(configmaps(space, "one"))
            made = await api.create(configmaps(space), configmap("one", a="1", b="2"))
            with pytest.raises(Conflict, match="already exists"):
                await api.create(configmaps(space), configmap("one"))
            patched = await api.patch(configmaps(space, "one"), {"data": {"a": None, "c": "3"}})
            assert patched["data"] == {"b": "2", "c": "3"}
            with pytest.raises(Conflict, match="has been modified"):
                await api.update(configmaps(space, "one"), made)
            assert (await api.get(configmaps(space, "one")))["data"] == patched["data"]
            await api.delete(configmaps(space, "one"))
            with pytest.raises(Missing):
                await api.delete(configmaps(space, "one"))

    asyncio.run(use())


def test_who_does_not_lead_sends_nothing_but_the_lease(cluster: Cluster) -> None:
    one = configmaps(cluster.namespace, "kept")

    async def use() -> None:
        async with connected(cluster.kubeconfig) as api:
            made = await api.create(configmaps(cluster.namespace), configmap("kept", a="1"))
            api.may_write = lambda: False
            for writing in (
                api.create(configmaps(cluster.namespace), configmap("more")),
                api.update(one, {**made, "data": {"a": "2"}}),
                api.patch(one, {"data": {"a": "2"}}),
                api.delete(one),
            ):
                with pytest.raises(Deposed, match="does not lead"):
                    await writing
            assert await api.get(one) == made
            taken = await api.urgent("PUT", one, {**made, "data": {"a": "3"}})
            assert taken["data"] == {"a": "3"}

    asyncio.run(use())


def test_no_name_leads_out_of_its_namespace(cluster: Cluster) -> None:
    async def use() -> None:
        async with connected(cluster.kubeconfig) as api:
            for name in ("../../kube-system/configmaps/x", "..", ".", "a?b=c", "a%2fb", ""):
                with pytest.raises(Missing, match="no object has such a name"):
                    await api.get(f"{configmaps(cluster.namespace)}/{name}")

    asyncio.run(use())


def test_role_of_the_operator_may_get_but_not_list_secrets(account: Account) -> None:
    secrets = f"/api/v1/namespaces/{account.cluster.namespace}/secrets"

    async def use() -> None:
        async with connected(account.kubeconfig) as api:
            with pytest.raises(Missing):
                await api.get(f"{secrets}/none")
            with pytest.raises(Forbidden, match="cannot list resource"):
                [item async for item in api.list(secrets)]

    asyncio.run(use())


def test_names_are_listed_in_pages_without_anything_else(
    namespace: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "PAGE", 2)
    space, other = namespace.namespace, Cluster.fresh(namespace.plane).namespace
    reader = Account.of(namespace)
    namespace.plane.kubectl(
        "create", "role", "lister", "-n", space, "--verb=list", "--resource=cm"
    )
    namespace.plane.kubectl(
        "create", "rolebinding", "lister", "-n", space, "--role=lister", f"--user={reader.user}"
    )
    namespace.apply(*(configmap(f"c{number}", big="x" * 1000) for number in range(5)))

    async def use() -> None:
        async with connected(reader.kubeconfig) as api:
            found = await api.list_names("/api/v1/configmaps", (space,))
            assert {name for _, name in found} == {f"c{number}" for number in range(5)}
            listed = [item async for item in api.list(configmaps(space))]
            about = [one["metadata"] for one in listed]
            known = {(space, m["name"]): (m["uid"], m["resourceVersion"]) for m in about}
            assert found == known
        async with connected(namespace.kubeconfig) as api:
            everywhere = await api.list_names("/api/v1/configmaps")
            assert found.items() <= everywhere.items()
            assert await api.list_names("/api/v1/configmaps", (other,)) == {}

    asyncio.run(use())
    assert len(reader.asked("/configmaps?limit=2", "list")) == 6


def test_credentials_are_those_of_the_kubeconfig(account: Account, plane: ControlPlane) -> None:
    config = json.loads(account.kubeconfig.read_text())

    async def use() -> None:
        async with connected(account.kubeconfig) as api:
            found = api.credentials()
            assert found.server == plane.url
            assert found.token == config["users"][0]["user"]["token"]
            assert found.ca_data
            assert found.ca_data.startswith("-----BEGIN CERTIFICATE-----")
            assert not found.insecure
            assert str(found.token) not in repr(found)
            assert api.default_namespace() == "default"

    asyncio.run(use())


def test_replaced_token_is_read_when_the_old_one_is_refused(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "LOGIN_AGAIN", 0)
    good = account.kubeconfig.read_text()
    config = json.loads(good)
    config["users"][0]["user"]["token"] = "revoked"
    config["contexts"][0]["context"]["namespace"] = "mine"
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    path = configmaps(account.cluster.namespace, "none")

    async def use() -> None:
        async with connected(file) as api:
            assert api.default_namespace() == "mine"
            with pytest.raises(Unauthorized):
                await api.get(path)
            file.write_text(good)
            answers = await asyncio.gather(
                *(api.get(path) for _ in range(20)), return_exceptions=True
            )
            assert {type(answer) for answer in answers} == {Missing}
            assert api.credentials().token == json.loads(good)["users"][0]["user"]["token"]

    asyncio.run(use())


@pytest.fixture
def pod(plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a pod is given, for an account of the lab; the folder of its files."""
    host, port = plane.url.removeprefix("https://").split(":")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    for name, file in (("SERVICE_TOKEN_FILENAME", "token"), ("SERVICE_CERT_FILENAME", "ca.crt")):
        monkeypatch.setattr(incluster_config, name, str(tmp_path / file))
    monkeypatch.setattr(login, "POD_NAMESPACE", tmp_path / "namespace")
    (tmp_path / "namespace").write_text("kaitu-system")
    config = json.loads(plane.kubeconfig_for("pod", ("system:masters",)).read_text())
    trust = config["clusters"][0]["cluster"]["certificate-authority-data"]
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(trust))
    (tmp_path / "token").write_text(config["users"][0]["user"]["token"])
    return tmp_path


def test_pod_logs_in_with_its_account_and_follows_its_token(
    pod: Path, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "LOGIN_AGAIN", 0)
    good = (pod / "token").read_text()

    async def use() -> None:
        (pod / "token").write_text("expired")
        api = await Api.connect()
        try:
            assert api.default_namespace() == "kaitu-system"
            (pod / "token").write_text(good)
            assert (await api.get("/api/v1/namespaces/default"))["kind"] == "Namespace"
            assert api.credentials().token == good
            assert api.credentials().server == plane.url
        finally:
            await api.close()

    asyncio.run(use())


def test_stopped_server_is_unavailable_and_then_there_again(cluster: Cluster) -> None:
    async def use() -> None:
        async with connected(cluster.kubeconfig) as api:
            await api.get("/api/v1/namespaces/default")
            cluster.plane.stop_apiserver()
            try:
                with pytest.raises(Unavailable, match="GET /api/v1/namespaces/default"):
                    await api.get("/api/v1/namespaces/default")
            finally:
                cluster.plane.start_apiserver()
            await api.get("/api/v1/namespaces/default")

    asyncio.run(use())


def test_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    """The server is a mute one: hostility is its subject."""

    async def use(port: int) -> None:
        file = tmp_path / "kubeconfig"
        file.write_text(json.dumps(_plain(f"http://127.0.0.1:{port}")))
        async with connected(file) as api:
            with pytest.raises(Unavailable, match="TimeoutError"):
                await api.urgent("GET", "/api/v1/namespaces/default", seconds=0.2)

    with socket.create_server(("127.0.0.1", 0)) as mute:
        asyncio.run(use(mute.getsockname()[1]))


def _plain(server: str) -> dict[str, Any]:
    return {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
        "current-context": "c",
    }
