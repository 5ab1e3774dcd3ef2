"""The guardrails on a real API server and a real node, each layer alone; and what happens without.

A test that passes also without the guard would prove nothing. So each guard is taken away, in a
copy of the schema, in the operator's process or in the text of the script, until the violation
happens; with one layer back, it does not.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml

from integration import visits
from integration.visits import Visitor, release, variables
from kaitu.api.crd import crds
from kaitu.aspects import compose, env
from kaitu.core import dotenv
from kaitu.core.desired import PROTECTED_NAMES, Desired
from kaitu.core.facts import parse_env
from kaitu.core.sections import EnvSpec, HealthSpec
from kaitu.core.sections.env import EnvVarSpec
from kaitu.remote import loader
from lab import programs
from lab.cluster import Cluster, established
from lab.command import attempt
from lab.node import Node
from lab.registry import Registry
from lab.stack import FOLDER, stack
from lab.wait import until
from safety.calls import strange
from specs import good, kaitu_node

SECRET = "K2_NODE_SECRET=guarded-2b6d\n"
ENV = f"{FOLDER}/.env"
SPELLINGS = ("K2_NODE_SECRET", "k2_node_secret", "K2_Node_Secret", "COMPOSE_PROJECT_NAME")
GUARDED, UNGUARDED = "fleet.kaitu.io", "unguarded.kaitu.io"
NAME = "K2_NODE_SECRET"
OFF: set[str] = set()
NAMES = "    if (is_protected(name)) return 3\n"
PROOF = '        [ "$(env_secret <"$3")" = "$(env_secret <"$5")" ] &&\n'
FILLED = tuple(
    f'    secret_filled "{file}" || finish ENOSECRET\n' for file in ("$job/env", "$copy")
)
SPY = """#!/bin/sh
printf '%s\\n' "$*" >>/run/docker-calls
exec /usr/bin/docker "$@"
"""


# K2_NODE_SECRET, first layer: the schema, at the server alone


def mutant() -> dict[str, object]:
    """The CRD in a group of its own, without the rule about names that are kept out."""
    crd = copy.deepcopy(yaml.safe_load(crds()))
    crd["metadata"] = {"name": f"kaitunodes.{UNGUARDED}"}
    crd["spec"]["group"] = UNGUARDED
    for version in crd["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        name = spec["env"]["properties"]["vars"]["items"]["properties"]["name"]
        assert "K2_NODE_SECRET" in str(name.pop("x-kubernetes-validations"))
    return dict(crd)


@pytest.fixture(scope="module")
def unguarded(cluster: Cluster) -> Iterator[Cluster]:
    crd = mutant()
    cluster.plane.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(crd))
    name = f"crd/kaitunodes.{UNGUARDED}"
    established(cluster.plane, name)
    until(lambda: served(cluster), 60, "the mutant's API")
    yield cluster
    cluster.plane.kubectl("delete", "--wait=false", name)


def served(cluster: Cluster) -> bool:
    where = f"/apis/{UNGUARDED}/v1alpha1/namespaces/{cluster.namespace}/kaitunodes"
    return "items" in cluster.plane.kubectl("get", "--raw", where)


def accepted(cluster: Cluster, group: str, variable: dict[str, object]) -> tuple[bool, str]:
    """Whether the server takes such a spec; nobody else is asked."""
    body = kaitu_node("vps", {**good(), "env": {"vars": [variable]}})
    body["apiVersion"] = f"{group}/v1alpha1"
    where = f"/apis/{group}/v1alpha1/namespaces/{cluster.namespace}/kaitunodes"
    code, out, err = attempt(
        str(programs.kubectl()),
        *("--kubeconfig", str(cluster.kubeconfig), "create", "--raw"),
        *(f"{where}?dryRun=All&fieldValidation=Strict", "-f", "-"),
        input=json.dumps(body),
    )
    return code == 0, out + err


@pytest.mark.parametrize("name", SPELLINGS)
@pytest.mark.parametrize("kind", ["value", "valueFrom"])
def test_the_schema_alone_refuses_the_name(unguarded, name, kind):
    value = "x" if kind == "value" else {"secretKeyRef": {"name": "a", "key": "b"}}
    taken, said = accepted(unguarded, GUARDED, {"name": name, kind: value})
    assert not taken
    assert "kept out of every .env" in said

    assert accepted(unguarded, UNGUARDED, {"name": name, kind: value})[0]  # without the rule


# Second and third layer: the operator, and the script on the node


@pytest.fixture(scope="module")
def provisioned(node: Node, pushed: Registry) -> Node:
    """A node on which every call of Docker by us is written down."""
    node.write("/usr/local/bin/docker", SPY, mode=0o755)
    node.write("/etc/kaitu/ours.key", "kaitu's own\n")
    return node


@pytest.fixture
def vps(provisioned: Node) -> Visitor:
    provisioned.write(ENV, SECRET, mode=0o600)
    provisioned.run("rm -rf /var/lib/kaitu-operator/job")  # else what failed would rest
    return Visitor(provisioned, user="root")


def past_the_schema(node: Node, *_: object) -> Desired:
    """What a spec would become that no schema and no model has seen."""
    stolen = EnvVarSpec.model_construct(name=NAME, value="stolen", value_from=None)
    section = EnvSpec.model_construct(vars=(stolen,), mode=None)
    protected = frozenset[str]() if "operator" in OFF else PROTECTED_NAMES
    return Desired(
        "fleet", "node-1", {"health": HealthSpec(), "env": section}, {}, FOLDER, protected
    )


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Takes layers out of the product for one test."""
    whole = loader.script_text

    def remove(*names: str) -> None:
        OFF.update(names)
        if "operator" in names:
            monkeypatch.setattr(dotenv, "check_variable", lambda *_: None)
            for aspect in (compose, env):
                monkeypatch.setattr(aspect, "parse_env", seemingly_present)
        if "node" in names:
            monkeypatch.setattr(loader, "script_text", lambda name: without_guards(whole(name)))

    yield remove
    OFF.clear()


def without_guards(text: str) -> str:
    for guard in (NAMES, PROOF, *FILLED):
        text = text.replace(guard, "")
    return text


def seemingly_present(answers):
    return replace(parse_env(answers), protected_present=True)


@pytest.mark.parametrize(
    ("off", "reason"),
    [((), "ProtectedName"), (("node",), "ProtectedName"), (("operator",), "ProtectedName")],
    ids=["all three", "the operator alone", "the node alone"],
)
def test_each_layer_alone_keeps_the_secret(vps, layers, monkeypatch, off, reason):
    monkeypatch.setattr(visits, "desired", past_the_schema)
    layers(*off)

    outcome = vps.visit().outcomes["env"]

    assert outcome.reason == reason
    assert vps.node.read(ENV) == SECRET


def test_without_any_layer_the_secret_is_lost(vps, layers, monkeypatch):
    """The control of the three above: nothing else protected it."""
    monkeypatch.setattr(visits, "desired", past_the_schema)
    layers("operator", "node")

    vps.visit()

    assert "stolen" in vps.node.read(ENV)


# No secret: no services


LOOSE = stack("v1").replace("${K2_NODE_SECRET:?is required}", "${K2_NODE_SECRET:-}")
SECTIONS = {"compose": release("1.0.0", LOOSE), "env": variables(K2_LOG_LEVEL="info")}


def running(node: Node) -> list[str]:
    return node.run("/usr/bin/docker ps -a --format '{{.Names}}'").split()


@pytest.mark.parametrize("off", [(), ("node",), ("operator",)], ids=str)
@pytest.mark.parametrize("text", ["K2_NODE_SECRET=\n", "A=1\n"], ids=["empty", "missing"])
def test_without_its_secret_nothing_is_started(vps, layers, off, text):
    vps.node.write(ENV, text, mode=0o600)
    layers(*off)

    found = vps.settle(**SECTIONS)

    assert found.outcomes["compose"].reason == "ProtectedMissing"
    assert running(vps.node) == []
    assert vps.node.read(ENV).startswith(text)


def test_without_both_layers_it_would_be(vps, layers):
    vps.node.write(ENV, "A=1\n", mode=0o600)
    layers("operator", "node")

    vps.settle(**SECTIONS)

    assert "k2-sidecar" in running(vps.node)


# What was called, and what is not ours


def test_every_call_of_docker_was_one_that_is_allowed(vps):
    calls = vps.node.run("cat /run/docker-calls").splitlines()
    assert any(" up -d " in call for call in calls)
    assert strange(calls) == []

    vps.node.run("docker compose -p kaitu-operator-none down")
    assert strange(vps.node.run("cat /run/docker-calls").splitlines())


def test_what_is_kaitus_own_has_not_moved(vps):
    assert vps.node.run("find /etc/kaitu -type f -exec cat {} +") == "kaitu's own\n"


# Automation


def test_automation_that_takes_the_stack_down_is_a_finding(vps):
    """Also with no section cron at all; and the finding goes when it goes."""
    script = "#!/bin/sh\ncd /apps/kaitu-slave && docker compose down && docker compose up -d\n"
    vps.node.write("/root/auto-update.sh", script, mode=0o755)
    vps.node.write("/etc/cron.d/auto", "0 4 * * * root /root/auto-update.sh >/dev/null\n")
    vps.node.run("printf '0 5 * * * docker compose down\\n' | crontab -u ubuntu -")

    found = vps.visit().outcomes["health"]

    downs = [one["evidence"] for one in found.report["findings"] if "Down" in one["signature"]]
    assert sorted(downs) == ["/root/auto-update.sh", "/var/spool/cron/crontabs/ubuntu:4"]
    assert vps.node.read("/root/auto-update.sh") == script
    vps.node.run("crontab -r -u ubuntu; rm /etc/cron.d/auto")
    assert "findings" not in vps.visit().outcomes["health"].report
