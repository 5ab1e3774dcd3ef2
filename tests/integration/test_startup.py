"""What the operator lacks when it starts: said in one line, waited for, and nothing half done."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from kaitu.api.crd import crds, definition
from lab.cluster import Cluster, install_crds
from lab.controlplane import ControlPlane
from lab.operator import Operator, grant
from lab.run import Lab
from lab.wait import until

ACCOUNT = "system:serviceaccount:kaitu-system:kaitu-operator"
Start = Callable[..., Operator]


@pytest.fixture
def start(lab: Lab, bare: ControlPlane) -> Iterator[Start]:
    with ExitStack() as ending:
        names = iter(range(9))

        def begin(kubeconfig: Path, *arguments: str) -> Operator:
            log = lab.state / f"startup-{next(names)}.log"
            operator = Operator.start(bare, log, *arguments, level="INFO", kubeconfig=kubeconfig)
            ending.callback(operator.stop)
            return operator

        yield begin


def says(operator: Operator, text: str) -> None:
    until(lambda: text in operator.log, 60, f"log line with {text!r}")
    assert not operator.leads()


def apply(plane: ControlPlane, document: object) -> None:
    words = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    plane.kubectl(*words, input=yaml.safe_dump(document))


def older() -> dict[str, object]:
    """The CRD as it was before releases had plans with services."""
    found = definition()
    status = yaml.safe_load(crds())
    schema = status["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    del schema["properties"]["status"]["properties"]["plan"]
    return {**found, "spec": status["spec"]}


def test_each_thing_that_is_missing_is_said_and_awaited(bare: ControlPlane, start: Start) -> None:
    operator = start(bare.kubeconfig_for(ACCOUNT))
    says(operator, "waiting: the CRD kaitunodes is missing; apply the CRDs of this version")
    assert "503" in ready(operator)

    apply(bare, older())
    says(operator, "older than this program and lacks status.plan; apply the CRDs")

    install_crds(bare)
    says(operator, "role lacks rights, apply its RBAC: list kaitunodes in all namespaces")

    grant(bare)
    until(operator.leads, 60, "leader, once nothing is missing")
    until(lambda: "200" in ready(operator), 30, "ready operator")
    waits = [line for line in operator.log.splitlines() if "waiting: " in line]
    assert len(waits) <= 6, "each is said once, not at each look"
    assert "Traceback" not in operator.log


def ready(operator: Operator) -> str:
    try:
        operator.get("/readyz")
    except OSError as error:
        return str(error)
    return "200"


def test_a_newer_crd_is_told_and_worked_with(bare: ControlPlane, start: Start) -> None:
    install_crds(bare)
    grant(bare)
    newer = yaml.safe_load(crds())
    schema = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"]["firewall"] = {"type": "object"}
    apply(bare, newer)
    operator = start(bare.kubeconfig_for(ACCOUNT))
    until(operator.leads, 60, "leader")
    assert "is newer than this program, which does not know spec.firewall" in operator.log
    install_crds(bare)


def test_an_expired_token_is_said_until_there_is_another(
    bare: ControlPlane, start: Start, tmp_path: Path
) -> None:
    install_crds(bare)
    grant(bare)
    good = bare.kubeconfig_for(ACCOUNT).read_text()
    file = tmp_path / "config"
    config = yaml.safe_load(good)
    config["users"][0]["user"]["token"] = "expired"
    file.write_text(yaml.safe_dump(config))
    operator = start(file)
    says(operator, "waiting: the API server does not know who asks: the token or certificate has")
    file.write_text(good)
    until(operator.leads, 60, "leader, with the new token")


def test_a_wrong_kubeconfig_ends_it_in_one_line(tmp_path: Path, lab: Lab) -> None:
    log = lab.state / "nowhere.log"
    with pytest.raises(Exception, match="no login from"):
        Operator.start(lab.control_plane, log, kubeconfig=tmp_path / "nothing")
    assert "Traceback" not in log.read_text()


def test_a_second_operator_on_one_lease_says_what_nobody_watches(
    bare: ControlPlane, start: Start
) -> None:
    install_crds(bare)
    grant(bare)
    one, two = (Cluster.fresh(bare).namespace for _ in range(2))
    kubeconfig = bare.kubeconfig_for(ACCOUNT)
    first = start(kubeconfig, "--namespace", one)
    until(first.leads, 60, "leader")
    second = start(kubeconfig, "--namespace", two)
    says(second, "standing by: ")
    says(second, f"watches {one}, this process would watch {two}: two operators share one Lease")


def test_a_crd_that_goes_ends_it_and_is_waited_for(bare: ControlPlane, start: Start) -> None:
    """What it may not watch it does not claim to watch: the process ends, to be started again."""
    install_crds(bare)
    grant(bare)
    operator = start(bare.kubeconfig_for(ACCOUNT))
    until(operator.leads, 60, "leader")
    bare.kubectl("delete", "crd", "kaitunodes.fleet.kaitu.io", "--wait=false")
    until(lambda: operator.child.process.poll() is not None, 120, "end of the process")
    again = start(bare.kubeconfig_for(ACCOUNT))
    says(again, "waiting: the CRD kaitunodes is missing")
    install_crds(bare)
    until(again.leads, 60, "leader")
