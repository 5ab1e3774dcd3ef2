"""What can go wrong with a node, each with its undoing, from outside the node's SSH.

A fault may take arguments, which its scripts see as shell variables. One-shot faults (sessions,
reboot) have nothing to undo.
"""

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

from lab.node import Node
from lab.wait import until

Act = Callable[[Node, Mapping[str, str]], object]


def nothing(node: Node, args: Mapping[str, str]) -> None:
    """The undoing of what is over at once."""


class Fault(NamedTuple):
    on: Act
    off: Act = nothing
    defaults: Mapping[str, str] = MappingProxyType({})


def inside(script: str) -> Act:
    """A shell script run as root in the node."""

    def act(node: Node, args: Mapping[str, str]) -> object:
        words = "".join(f"{name}={shlex.quote(value)}\n" for name, value in args.items())
        return node.run(words + script)

    return act


def outside(*command: str) -> Act:
    """A docker command on the node's container."""

    def act(node: Node, args: Mapping[str, str]) -> object:
        return node.docker.run(*(word.format(**args) for word in command), node.container)

    return act


def paused(node: Node, _: Mapping[str, str]) -> object:
    """Polled: where many processes run, the kernel may not hold them all at the first try."""

    def pause() -> bool:
        state = node.docker.run("inspect", "-f", "{{.State.Paused}}", node.container)
        return state.strip() == "true" or bool(node.docker.run("pause", node.container))

    return until(pause, 60, f"frozen {node.container}")


def filtered(rules: str) -> tuple[Act, Act]:
    """Packet filter rules for port 1022; `+` stands for insert and delete."""
    return inside(rules.replace("+", "-I")), inside(rules.replace("+", "-D"))


DROP = (
    "iptables + INPUT -p tcp --dport 1022 -j DROP; iptables + OUTPUT -p tcp --sport 1022 -j DROP"
)
REJECT = "iptables + INPUT -p tcp --dport 1022 -j REJECT --reject-with tcp-reset"

# An sshd that serves a connection has another title than the one that listens.
CUT_SESSIONS = "pkill -f '^sshd-session|^sshd: [^/]' || test $? = 1"

NEW_HOST_KEY = """
cd /etc/ssh && mkdir lab-old && mv ssh_host_ed25519_key* lab-old
ssh-keygen -q -t ed25519 -N '' -C '' -f ssh_host_ed25519_key && systemctl restart ssh
"""
OLD_HOST_KEY = "cd /etc/ssh && mv lab-old/* . && rmdir lab-old && systemctl restart ssh"

RENAME_KEYS = "for home in /root /home/ubuntu; do mv $home/.ssh/{} $home/.ssh/{}; done"
LIMIT = "/etc/ssh/sshd_config.d/40-lab-fault.conf"

# Only a small /apps: the real disk is the whole machine's. The second pass fills the last page.
FILL = """
[ "$(df -m --output=size /apps | tail -1)" -lt 500 ] || { echo "needs apps_tmpfs" >&2; exit 1; }
for size in 64k 1; do
    dd if=/dev/zero bs=$size count=8192 oflag=append conv=notrunc of=/apps/.lab-fill 2>/dev/null
done || true
"""
WHOLE = f"--cpus={os.cpu_count()}"

FAULTS: Mapping[str, Fault] = {
    # The machine
    "freeze": Fault(paused, outside("unpause")),
    "reboot": Fault(lambda node, _: node.reboot()),
    "slowcpu": Fault(
        outside("update", "--cpus={cpus}"), outside("update", WHOLE), {"cpus": "0.05"}
    ),
    # The network
    "drop": Fault(*filtered(DROP)),
    "reject": Fault(*filtered(REJECT)),
    "unplug": Fault(
        inside("ip route show default >/run/lab-route; ip link set eth0 down"),
        inside("ip link set eth0 up; ip route replace $(cat /run/lab-route)"),
    ),
    "slownet": Fault(
        inside("tc qdisc replace dev eth0 root tbf rate $rate burst 3kb latency 3s"),
        inside("tc qdisc del dev eth0 root"),
        {"rate": "64kbit"},
    ),
    # SSH
    "sshd": Fault(inside("systemctl stop ssh"), inside("systemctl start ssh")),
    "sessions": Fault(inside(CUT_SESSIONS)),
    "hostkey": Fault(inside(NEW_HOST_KEY), inside(OLD_HOST_KEY)),
    "auth": Fault(
        inside(RENAME_KEYS.format("authorized_keys", "off")),
        inside(RENAME_KEYS.format("off", "authorized_keys")),
    ),
    "maxstartups": Fault(
        inside(f"echo MaxStartups $count >{LIMIT} && systemctl reload ssh"),
        inside(f"rm {LIMIT} && systemctl reload ssh"),
        {"count": "1"},
    ),
    "nosudo": Fault(
        inside("mv /etc/sudoers.d/ubuntu /etc/lab-sudoers"),
        inside("mv /etc/lab-sudoers /etc/sudoers.d/ubuntu"),
    ),
    # The disk
    "diskfull": Fault(inside(FILL), inside("rm -f /apps/.lab-fill")),
    "readonly": Fault(
        inside("mountpoint -q /apps || mount --bind /apps /apps; mount -o remount,bind,ro /apps"),
        inside("mount -o remount,bind,rw /apps"),
    ),
    # The inner Docker Engine
    "nodocker": Fault(
        inside("mv /usr/bin/docker /usr/bin/lab-docker"),
        inside("mv /usr/bin/lab-docker /usr/bin/docker"),
    ),
    "dockerdown": Fault(
        inside("systemctl stop docker.socket docker.service"),
        inside("systemctl reset-failed docker; systemctl start docker.socket docker.service"),
    ),
    "dockerhang": Fault(
        inside("systemctl kill -s STOP docker.service"),
        inside("systemctl kill -s CONT docker.service"),
    ),
}


@contextmanager
def fault(node: Node, name: str, **args: str) -> Iterator[None]:
    """Break the node in this way for as long as the block runs."""
    found = FAULTS[name]
    values = {**found.defaults, **args}
    found.on(node, values)
    try:
        yield
    finally:
        found.off(node, values)
