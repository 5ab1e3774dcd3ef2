"""Rows of the way to the node: who is logged in to, with which key, over which jumps.

The node is its own jump: it dials itself once it is logged in to.
"""

from typing import Any

from integration.leaves.stage import Rows, Stage
from kaitu.api.connection import fingerprint
from lab.wait import until


def host(s: Stage) -> None:
    s.edit(connection=s.connection(host="127.0.0.1"))
    s.says("Reachable", "HostDenied")


def port(s: Stage) -> None:
    s.edit(connection=s.connection(port=1023))
    s.says("Reachable", "DialRefused")


def user(s: Stage) -> None:
    s.edit(connection=s.connection(user="nobody"))
    s.says("Reachable", "AuthFailed")


def key_secret(s: Stage) -> None:
    s.edit(connection=s.connection(privateKeySecretRef={"name": "leaf"}))
    s.says("Reachable", "KeyInvalid")


def host_keys(s: Stage) -> None:
    s.edit(connection=s.connection(hostKeys=[other_key(s)]))
    s.says("Reachable", "HostKeyChanged")


def other_key(s: Stage) -> str:
    make = "rm -f /run/other* && ssh-keygen -q -t ed25519 -N '' -C '' -f /run/other"
    return s.node.run(f"{make} && cat /run/other.pub").strip()


def host_key_policy(s: Stage) -> None:
    learning = s.connection(hostKeyPolicy="TrustOnFirstUse")
    s.edit(connection={name: learning[name] for name in learning if name != "hostKeys"})
    s.ready()
    known = s.cluster.get("configmap", "kaitu-known-hosts")["data"]
    assert fingerprint(known["vps"]) == fingerprint(s.node.host_key)


def jump(s: Stage, says: str, reason: str, **changes: Any) -> None:
    """With this change the jump stops the visit, and the message says so."""
    found = {**s.connection(), **changes}
    s.edit(connection=s.connection(jumps=[found]))
    where = f"jump 1 ({found['host']}:{found['port']}): "
    said = s.says("Reachable", reason)
    assert said.startswith(where)
    assert says in said


def jump_host(s: Stage) -> None:
    s.edit(connection=s.connection(jumps=[s.connection()]))
    s.ready()
    itself = f"Accepted publickey for root from {s.node.address}"
    log = "journalctl --no-pager -t sshd -t sshd-session"
    until(lambda: itself in s.node.run(log), 60, "a login over the jump")
    jump(s, "denied by the policy", "HostDenied", host="127.0.0.1")


def jump_port(s: Stage) -> None:
    jump(s, "Connection refused", "JumpFailed", port=1023)


def jump_user(s: Stage) -> None:
    jump(s, "the user or the key was refused", "JumpFailed", user="nobody")


def jump_key(s: Stage) -> None:
    s.edit(connection=s.connection(jumps=[s.connection(privateKeySecretRef={"name": "leaf"})]))
    s.says("Reachable", "KeyInvalid")


def jump_host_keys(s: Stage) -> None:
    jump(s, "is not pinned", "HostKeyChanged", hostKeys=[other_key(s)])


ROWS: Rows = {
    "connection.host": host,
    "connection.port": port,
    "connection.user": user,
    "connection.privateKeySecretRef.name": key_secret,
    "connection.hostKeys[]": host_keys,
    "connection.hostKeyPolicy": host_key_policy,
    "connection.jumps[].host": jump_host,
    "connection.jumps[].port": jump_port,
    "connection.jumps[].user": jump_user,
    "connection.jumps[].privateKeySecretRef.name": jump_key,
    "connection.jumps[].hostKeys[]": jump_host_keys,
}
