"""Rows of the node itself."""

from integration.leaves.stage import Rows, Stage
from lab.wait import until


def suspend(s: Stage) -> None:
    s.edit(suspend=True)
    assert s.says("Ready", "Suspended")
    before = s.visits()
    s.drift()
    s.edit(interval="1s")
    s.says("Ready", "Suspended")
    assert s.visits() == before
    s.congestion("reno")


def mode(s: Stage) -> None:
    s.edit(mode="Observe")
    s.sees(lambda n: n.aspect("sysctl").get("state") == "Observed", "an observed node")
    s.drift()
    s.says("InSync", "DriftObserved")
    s.congestion("reno")


def adopt(s: Stage) -> None:
    s.node.run("mv /var/lib/kaitu-operator/owner /run/ && sysctl -qw " + CC_RENO)
    s.says("InSync", "AdoptionRequired")
    s.congestion("reno")
    s.edit(adopt=True)
    s.congestion("bbr")
    s.ready()


CC_RENO = "net.ipv4.tcp_congestion_control=reno"


def interval(s: Stage) -> None:
    s.edit(interval="1s")
    s.ready()
    some = s.time_of(3)
    s.edit(interval="1h")
    s.ready()
    assert s.quiet(2 * some)


def timeout(s: Stage) -> None:
    s.edit(timeout="5s")
    with s.shell_start("sleep 60"):
        late = "no end within 5 s"
        s.sees(lambda n: n.condition("Ready").get("message") == late, "the deadline of a visit")


def retry_interval(s: Stage) -> None:
    with s.shell_start("echo hello"):
        s.edit(retryInterval="100ms")
        s.says("ProbeTrusted", "ProbeRejected")
        some = s.time_of(4)
        s.edit(retryInterval="10m")
        s.says("ProbeTrusted", "ProbeRejected")
        assert s.quiet(2 * some)


def deletion_policy(s: Stage) -> None:
    s.edit(deletionPolicy="Release")
    until(lambda: finalizers(s) == ["fleet.kaitu.io/release"], 60, "our finalizer")
    s.edit(deletionPolicy="Retain")
    until(lambda: finalizers(s) == [], 60, "no finalizer")


def finalizers(s: Stage) -> list[str]:
    return list(s.cluster.get("kaitunode", "vps")["metadata"].get("finalizers", ()))


ROWS: Rows = {
    "suspend": suspend,
    "mode": mode,
    "adopt": adopt,
    "interval": interval,
    "timeout": timeout,
    "retryInterval": retry_interval,
    "deletionPolicy": deletion_policy,
}
