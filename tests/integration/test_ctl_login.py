"""kaituctl with logins that do not work: each is called what it is."""

import json
import os
from pathlib import Path

import pytest

from integration.ctl import DIFFERS, IN_SYNC, TROUBLE
from integration.kubectl import User
from lab.cluster import Cluster


@pytest.fixture(scope="module")
def me(cluster: Cluster) -> User:
    """An administrator of a namespace without nodes."""
    return User(cluster.kubeconfig, cluster.namespace)


@pytest.fixture
def expired(me: User, tmp_path: Path) -> User:
    """A login that the API server does not know any more."""
    config = json.loads(me.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "expired"
    (tmp_path / "config").write_text(json.dumps(config))
    return User(tmp_path / "config", me.namespace)


def test_an_expired_token_is_called_that(expired: User) -> None:
    ended = expired.run("get")
    assert (ended.code, ended.out) == (TROUBLE, "")
    assert "has expired" in ended.err
    assert "Traceback" not in ended.err
    last = expired.findings()[-1]
    assert (last["check"], last["level"]) == ("login", "bad")
    assert "log in again" in last["mend"]
    assert expired.run("doctor").code == DIFFERS


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"current-context": "nope"}, "kubeconfig"),
        ({"current-context": None}, "kubeconfig"),
        ({"clusters": [{"name": "lab", "cluster": {"server": "http://127.0.0.1:9"}}]}, "server"),
    ],
)
def test_a_wrong_kubeconfig_is_named(me: User, tmp_path: Path, change, check: str) -> None:
    file = tmp_path / "config"
    file.write_text(json.dumps({**json.loads(me.kubeconfig.read_text()), **change}))
    other = User(file, me.namespace)
    assert other.run("get").code == TROUBLE
    last = other.findings()[-1]
    assert (last["check"], last["level"]) == (check, "bad")


def test_the_first_file_decides_which_cluster(me: User, tmp_path: Path) -> None:
    """As for kubectl: the loader that we use would take the last one's context."""
    config = json.loads(me.kubeconfig.read_text())
    for part in ("clusters", "users", "contexts"):
        config[part][0]["name"] = "other"
    config["contexts"][0]["context"] = {"cluster": "other", "user": "other"}
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    (tmp_path / "other").write_text(json.dumps({**config, "current-context": "other"}))
    both = f"{me.kubeconfig}{os.pathsep}{tmp_path / 'other'}"
    assert User(Path(both), me.namespace).run("get", "-o", "name").code == IN_SYNC
    assert User(Path(both), me.namespace).run("get", "--context", "other").code == TROUBLE


CREDENTIAL = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}


def plugged(me: User, file: Path, script: str) -> User:
    """A user whose token comes from a program, as those of managed clusters do."""
    config = json.loads(me.kubeconfig.read_text())
    words = {"apiVersion": CREDENTIAL["apiVersion"], "interactiveMode": "Never"}
    config["users"][0]["user"] = {"exec": {**words, "command": "sh", "args": ["-c", script]}}
    file.write_text(json.dumps(config))
    return User(file, me.namespace)


def test_a_token_may_come_from_a_plugin(me: User, tmp_path: Path) -> None:
    token = json.loads(me.kubeconfig.read_text())["users"][0]["user"]["token"]
    told = json.dumps({**CREDENTIAL, "status": {"token": token}})
    user = plugged(me, tmp_path / "config", f"echo '{told}'")
    assert user.run("get").code == IN_SYNC


def test_a_plugin_that_fails_is_no_anonymous_user(me: User, tmp_path: Path) -> None:
    ended = plugged(me, tmp_path / "config", "exit 3").run("get")
    assert ended.code == TROUBLE
    assert "the exec plugin of its user gave no credentials" in ended.err
