"""What a node makes of our files by itself: at its next boot, and where /etc cannot be written."""

from typing import Any

import pytest

from aspects.real import lay_out, play
from kaitu.aspects import cron, sysctl
from kaitu.core.aspect import Aspect
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.sections import CronSpec, SysctlSpec
from lab.node import Node
from lab.wait import until

NODE = {"engine": False}
FIN = "net.ipv4.tcp_fin_timeout"
REUSE = "net.ipv4.tcp_tw_reuse"
IDLE = "net.ipv4.tcp_slow_start_after_idle"
SETTINGS = SysctlSpec.model_validate(
    {
        "settings": [
            {"name": FIN, "value": "30"},
            {"name": REUSE, "value": "1"},
            {"name": IDLE, "value": "0"},
            {"name": "net.core.default_qdisc", "value": "fq", "optional": True},
        ]
    }
)
ENTRY = {"name": "boot", "schedule": "@reboot", "command": "touch /root/booted"}
ENTRIES = CronSpec.model_validate({"entries": [ENTRY]})


def value(node: Node, key: str) -> str:
    return node.read(f"/proc/sys/{key.replace('.', '/')}").strip()


def test_a_boot_applies_what_the_probe_foretells(node: Node) -> None:
    """Real systemd and real cron judge the order of files, the drop-in and the cron file."""
    lay_out(node, {"files": {"/etc/sysctl.d/zz-theirs.conf": "net/ipv4/tcp_fin_timeout = 45\n"}})
    node.write("/etc/sysctl.conf", f"{REUSE} = 0\n")  # read as 99-sysctl.conf: before ours
    play(node, cron.ASPECT, ENTRIES)
    played = play(node, sysctl.ASPECT, SETTINGS)
    facts = sysctl.parse(played.after, {})
    assert (value(node, FIN), value(node, REUSE), value(node, IDLE)) == ("30", "1", "0")

    node.reboot()

    assert {key: later.value for key, later in facts.later.items()} == {FIN: "45"}
    until(lambda: value(node, FIN) == "45", 60, "systemd-sysctl")
    assert (value(node, REUSE), value(node, IDLE)) == ("1", "0")
    until(lambda: node.run("ls /root") == "booted\n", 90, "the entry of cron")
    mended = play(node, sysctl.ASPECT, SETTINGS)
    assert [step.text for step in mended.done] == [f"set {FIN}: 45 -> 30"]


@pytest.mark.parametrize(
    ("folder", "aspect", "want"),
    [("/etc/cron.d", cron.ASPECT, ENTRIES), ("/etc/sysctl.d", sysctl.ASPECT, SETTINGS)],
)
def test_an_etc_that_cannot_be_written_is_said(
    node: Node, folder: str, aspect: Aspect[Any, Any, Any], want: Any
) -> None:
    lay_out(node, {})
    node.run(f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}")

    with pytest.raises(KaituError) as caught:
        play(node, aspect, want)

    assert caught.value.reason is Reason.READ_ONLY_ETC
    node.run(f"umount {folder}")
    play(node, aspect, want)
    assert play(node, aspect, want).done == ()
