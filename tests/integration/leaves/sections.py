"""Rows of cron, kernel settings and health."""

from typing import Any

from integration.leaves.stage import CC, ENTRY, SYSCTL, Rows, Stage

LACKING = "net.core.no_such_key"


def _cron(s: Stage, **changes: Any) -> None:
    s.edit(cron={"entries": [{**ENTRY, **changes}]})


def cron_mode(s: Stage) -> None:
    s.edit(cron={"mode": "Observe", "entries": []})
    s.says("InSync", "DriftObserved")
    s.shows("ls /etc/cron.d/kaitu-leaf", "/etc/cron.d/kaitu-leaf")


def cron_name(s: Stage) -> None:
    _cron(s, name="other")
    s.shows("ls /etc/cron.d/kaitu-*", "/etc/cron.d/kaitu-other")


def schedule(s: Stage) -> None:
    _cron(s, schedule="@hourly")
    s.shows("tail -n 1 /etc/cron.d/kaitu-leaf", "@hourly root /bin/true")


def cron_user(s: Stage) -> None:
    _cron(s, user="ubuntu")
    s.says("InSync", "PolicyDenied")


def command(s: Stage) -> None:
    _cron(s, command="/bin/false")
    s.shows("tail -n 1 /etc/cron.d/kaitu-leaf", "17 3 * * * root /bin/false")


# --------------------------------------------------------------------------------------- sysctl


def _sysctl(s: Stage, **setting: Any) -> None:
    s.edit(sysctl={"settings": [{"name": CC, "value": "bbr", **setting}]})


def sysctl_mode(s: Stage) -> None:
    s.edit(sysctl={"mode": "Observe", **SYSCTL})
    s.sees(lambda n: n.aspect("sysctl").get("state") == "Observed", "observed settings")
    s.drift()
    s.says("InSync", "DriftObserved")
    s.congestion("reno")


def sysctl_name(s: Stage) -> None:
    _sysctl(s, name="net.ipv4.tcp_fin_timeout", value="45")
    s.shows("sysctl -n net.ipv4.tcp_fin_timeout", "45")


def sysctl_value(s: Stage) -> None:
    _sysctl(s, value="reno")
    s.congestion("reno")


def optional(s: Stage) -> None:
    _sysctl(s, name=LACKING, value="1", optional=False)
    s.says("InSync", "KeyUnknown")
    _sysctl(s, name=LACKING, value="1", optional=True)
    s.ready()


# --------------------------------------------------------------------------------------- health


def warn_percent(s: Stage) -> None:
    s.edit(health={"disk": {"warnPercent": 1}})
    seen = s.sees(
        lambda n: n.ready and bool(n.status.get("findings")), "a finding on a ready node"
    )
    assert {finding["signature"] for finding in seen.status["findings"]} == {"DiskFilling"}


def fail_percent(s: Stage) -> None:
    s.edit(health={"disk": {"warnPercent": 1, "failPercent": 1}})
    s.says("Healthy", "DiskFull")


def services(s: Stage) -> None:
    s.edit(health={"services": ["k2-nothing"]})
    assert "k2-nothing" in s.says("Healthy", "ServiceNotRunning")


def tcp(s: Stage) -> None:
    s.edit(health={"tcp": [{"port": 4444}]})
    assert "4444" in s.says("Healthy", "PortClosed")
    s.edit(health={"tcp": [{"port": s.node.port}]})
    s.ready()


ROWS: Rows = {
    "cron.mode": cron_mode,
    "cron.entries[].name": cron_name,
    "cron.entries[].schedule": schedule,
    "cron.entries[].user": cron_user,
    "cron.entries[].command": command,
    "sysctl.mode": sysctl_mode,
    "sysctl.settings[].name": sysctl_name,
    "sysctl.settings[].value": sysctl_value,
    "sysctl.settings[].optional": optional,
    "health.disk.warnPercent": warn_percent,
    "health.disk.failPercent": fail_percent,
    "health.services[]": services,
    "health.tcp[].port": tcp,
}
