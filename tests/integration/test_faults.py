"""A node that cannot be reached, believed or seen: one reason each, and it comes back by itself.

What a fault of SSH is called in each of its layers is tried in test_ssh_faults.py.
"""

from contextlib import ExitStack
from itertools import groupby

import pytest

from integration.standing import CC, ENV, Standing
from lab import fleet
from lab.faults import fault
from lab.keys import Keys
from lab.wait import until

NODE = {"apps_tmpfs": "20m"}


def test_a_node_without_sshd_is_refused_and_comes_back(vps: Standing) -> None:
    with fault(vps.node, "sshd"), fault(vps.node, "sessions"):
        seen = vps.says("Reachable", "False", "DialRefused")
        layers = ("ProbeTrusted", "InSync", "Healthy")
        assert {seen.condition(kind)["status"] for kind in layers} == {"Unknown"}
        assert {aspect["state"] for aspect in seen.status["aspects"]} == {"Unknown"}

    vps.recovers(60)


def test_a_node_that_does_not_answer_is_unknown_before_it_is_false(vps: Standing) -> None:
    with vps.watched() as states:
        with fault(vps.node, "drop"):
            vps.ask()
            vps.says("Reachable", "False", "DialTimeout")
        vps.recovers(60)

    turns = [kind for kind, _ in groupby(s.condition("Reachable")["status"] for s in states)]
    assert turns == ["True", "Unknown", "False", "True"]


def test_a_frozen_node_is_called_so_also_where_visits_may_last_only_seconds(
    vps: Standing,
) -> None:
    vps.edit(timeout="10s")
    vps.recovers()
    with vps.watched() as states:
        with fault(vps.node, "freeze"):
            vps.ask()
            seen = vps.sees(
                lambda s: s.condition("Reachable").get("reason") == "BannerTimeout",
                "BannerTimeout",
            )  # Unknown at first, False at the second time
        assert seen.condition("Reachable")["status"] != "True"
        assert seen.condition("Ready")["status"] != "True"

    vps.recovers(60)

    # That the visit ended is no reason: it would call the node reachable.
    assert "VisitDeadline" not in {c["reason"] for s in states for c in s.status["conditions"]}


SSHD = "/etc/ssh/sshd_config.d/60-lab-debug.conf"
LOGINS = "journalctl -u ssh -o cat --since '{}' | grep -c 'userauth-request for user' || true"


def test_a_changed_host_key_sees_no_login_until_a_person_accepts_it(vps: Standing) -> None:
    vps.node.write(SSHD, "LogLevel DEBUG1\n")
    with fault(vps.node, "hostkey"):
        since = vps.node.run("date '+%F %T'").strip()
        vps.ask()
        seen = vps.says("Reachable", "False", "HostKeyChanged")
        assert seen.condition("Stalled")["reason"] == "HostKeyChanged"
        assert int(vps.node.run(LOGINS.format(since))) == 0

        vps.edit(connection=vps.connection())  # with the key that the node has now
        vps.recovers(60)
        assert int(vps.node.run(LOGINS.format(since))) > 0
        vps.node.run(f"rm {SSHD}")


def test_a_key_that_the_node_refuses_is_named(vps: Standing, tmp_path) -> None:
    vps.cluster.apply(fleet.key_secret(Keys.make(tmp_path).private))
    try:
        vps.ask()
        vps.says("Reachable", "False", "AuthFailed")
    finally:
        vps.cluster.apply(fleet.key_secret(vps.node.keys.private))
    vps.ask()
    vps.recovers(30)


def test_a_key_that_is_gone_from_the_node_is_named(vps: Standing) -> None:
    with fault(vps.node, "auth"), fault(vps.node, "sessions"):
        vps.says("Reachable", "False", "AuthFailed")

    vps.recovers(60)


def test_a_user_without_sudo_is_named(vps: Standing) -> None:
    with fault(vps.node, "nosudo"):
        vps.edit(connection=vps.connection(user="ubuntu"))
        seen = vps.says("ProbeTrusted", "False", "NoPrivilege")
        assert seen.condition("Reachable")["status"] == "True"

    vps.ask()
    vps.recovers(30)


def test_a_node_without_docker_is_named(vps: Standing) -> None:
    with fault(vps.node, "nodocker"):
        seen = vps.breaks("DockerMissing")
        assert seen.says("Healthy", "False", "DockerDown")
        assert seen.aspect("sysctl")["state"] == "InSync"

    vps.recovers(30)


def test_a_docker_that_is_down_is_a_fault_of_health_not_of_the_release(vps: Standing) -> None:
    before = vps.files()
    with fault(vps.node, "dockerdown"):
        seen = vps.says("Healthy", "False", "DockerDown")
        assert seen.aspect("compose")["state"] == "Unknown"
        assert seen.condition("InSync")["status"] == "Unknown"
        assert seen.aspect("sysctl")["state"] == "InSync"

    vps.recovers(60)
    assert vps.files() == before


def test_a_hung_docker_is_unknown_and_never_false(vps: Standing) -> None:
    before = vps.started()
    with vps.watched() as states:
        with fault(vps.node, "dockerhang"):
            seen = vps.says("Healthy", "Unknown", "DockerHung")
            assert seen.aspect("compose")["state"] == "Unknown"
            assert seen.aspect("sysctl")["state"] == "InSync"
        vps.recovers(60)

    assert "False" not in {c["status"] for s in states for c in s.status["conditions"]}
    assert vps.started() == before


@pytest.mark.parametrize(
    ("change", "reason", "word"),
    [
        ({"privateKeySecretRef": {"name": "none"}}, "KeyNotFound", "none"),
        ({"host": "127.0.0.1"}, "HostDenied", "hosts.deny"),
        ({"host": "no-such-host.invalid"}, "DNS", "no-such-host.invalid"),
    ],
)
def test_a_way_that_leads_nowhere_is_named(vps: Standing, change, reason, word) -> None:
    vps.edit(connection=vps.connection(**change))

    seen = vps.sees(lambda s: s.condition("Reachable")["reason"].startswith(reason), reason)

    assert word in seen.condition("Reachable")["message"]
    assert seen.condition("Ready")["status"] != "True"


def test_a_missing_reference_stops_its_section_only(vps: Standing) -> None:
    vps.edit(compose={"version": "9.9.9"})

    seen = vps.breaks("ReferenceNotFound")

    assert "compose-9.9.9" in seen.condition("InSync")["message"]
    assert seen.condition("Healthy")["status"] == "True"
    assert seen.aspect("sysctl")["state"] == "InSync"


def test_a_secret_without_the_label_is_not_sent(vps: Standing) -> None:
    secret = fleet.env_secret("plain", level="debug")
    del secret["metadata"]["labels"]
    vps.cluster.apply(secret)
    source = {"secretKeyRef": {"name": "plain", "key": "level"}}
    vps.edit(env={"vars": [{"name": "K2_LOG_LEVEL", "valueFrom": source}]})

    vps.breaks("ReferenceInvalid")

    assert "debug" not in vps.node.read(ENV)


def test_what_the_policy_denies_is_named_with_its_rule(vps: Standing) -> None:
    settings = [{"name": "kernel.core_pattern", "value": "|/bin/true"}]
    vps.edit(sysctl={"settings": settings})

    seen = vps.breaks("PolicyDenied")

    assert "sysctl.prefixes" in seen.condition("InSync")["message"]
    assert seen.condition("Healthy")["status"] == "True"


def test_a_cron_daemon_that_is_down_is_said(vps: Standing) -> None:
    entry = {"name": "x", "schedule": "@daily", "command": "/bin/true"}
    vps.edit(cron={"entries": [entry]})
    vps.recovers()
    with ExitStack() as undo:
        undo.callback(vps.node.run, "systemctl start cron")
        vps.node.run("systemctl stop cron")
        vps.breaks("CronDown")
    vps.recovers(30)
    vps.node.run("rm -f /etc/cron.d/kaitu-x")


def test_a_sysctl_that_another_file_overrides_is_named(vps: Standing) -> None:
    vps.node.write("/etc/sysctl.d/99-zz-other.conf", f"{CC} = reno\n")
    try:
        seen = vps.breaks("KeyOverridden")
        assert "99-zz-other.conf" in seen.condition("InSync")["message"]
    finally:
        vps.node.run("rm /etc/sysctl.d/99-zz-other.conf")
    vps.recovers(30)


def test_a_key_that_the_kernel_lacks_is_named_unless_optional(vps: Standing) -> None:
    lacking = {"name": "net.core.default_qdisc", "value": "fq"}
    vps.edit(sysctl={"settings": [lacking]})
    vps.breaks("KeyUnknown")

    vps.edit(sysctl={"settings": [lacking | {"optional": True}]})
    vps.recovers(30)


def test_a_missing_node_secret_waits_and_the_rest_proceeds(vps: Standing) -> None:
    good = vps.node.read(ENV)
    vps.node.write(ENV, good.replace(fleet.SECRET_LINE, ""), 0o600)
    try:
        seen = vps.breaks("ProtectedMissing")
        assert seen.aspect("compose")["state"] == "Waiting"
        vps.node.run(f"sysctl -qw {CC}=reno")
        until(lambda: vps.node.run(f"sysctl -n {CC}").strip() == "bbr", 60, "mended sysctl")
    finally:
        vps.node.write(ENV, good, 0o600)
    vps.recovers(30)
