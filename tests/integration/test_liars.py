"""Nodes that lie, on a real one: never believed, nothing guessed, nothing written; then recovered.

While the node lies, something on it is out of order. An operator that believed would call it in
order, or mend it on a false picture; ours says that it cannot tell, and mends it afterwards.
"""

import re
from collections.abc import Iterator
from functools import partial

import pytest

from lab import fleet
from lab.cluster import Cluster
from lab.faults import fault
from lab.node import Node
from lab.operator import Operator
from lab.registry import Registry
from lab.run import Lab
from lab.wait import until

CRON = "/etc/cron.d/kaitu-hello"
SPEC = {
    "timeout": "20s",
    "sysctl": {"settings": [{"name": "net.ipv4.tcp_congestion_control", "value": "bbr"}]},
    "cron": {"entries": [{"name": "hello", "schedule": "@daily", "command": "/bin/true"}]},
    "env": {"vars": [{"name": "K2_LOG_LEVEL", "value": "info"}]},
    "compose": {"version": "1.0.0"},
}
TRACES = (
    "cd / && find etc/cron.d etc/sysctl.d apps var/lib/kaitu-operator -type f "
    "! -name lock ! -name job.lock | LC_ALL=C sort | xargs sha256sum; docker ps -a --format "
    "'{{.ID}} {{.Names}}'; cat /proc/sys/net/ipv4/tcp_congestion_control"
)
HELP = (
    "#!/bin/sh\necho 'Usage: coily ssh [OPTIONS] COMMAND'\necho '  --help  Show this message.'\n"
)
TRUNCATED = '#!/bin/sh\nsh -c "$SSH_ORIGINAL_COMMAND" | head -c 700\n'
STALE = '#!/bin/sh\n[ -s /run/f ] || sh -c "$SSH_ORIGINAL_COMMAND" >/run/f\ncat /run/f\n'
MOTD = '#!/bin/sh\necho Welcome\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n'
SILENT = "#!/bin/sh\nexit 0\n"
FLOOD = "yes | head -c 3000000\n"
KEYS = "/root/.ssh/authorized_keys"
FORCE = f"""cat >/usr/local/sbin/liar && chmod 755 /usr/local/sbin/liar && cp {KEYS} /root/keys
sed -i 's|^ssh-|command="/usr/local/sbin/liar" ssh-|' {KEYS} && grep -q liar {KEYS}"""


def forced(script: str) -> tuple[str, str, str]:
    """Every command of the key runs this instead; lifted by putting the file back."""
    return FORCE, script, f"mv /root/keys {KEYS}; rm -f /usr/local/sbin/liar /run/f"


def replaced(tool: str) -> tuple[str, str, str]:
    path = f"/usr/local/bin/{tool}"
    return f"cat >{path} && chmod 755 {path}", HELP, f"rm -f {path}"


def login(text: str) -> tuple[str, str, str]:
    """Debian's bash reads .bashrc for commands over SSH, too."""
    return "cp /root/.bashrc /root/rc && cat >/root/.bashrc", text, "mv /root/rc /root/.bashrc"


NO_FRAME = "it is no frame"
LIARS = {
    "help instead of an answer": (forced(HELP), "ProbeRejected", NO_FRAME),
    "nothing, and success": (forced(SILENT), "ProbeRejected", "it is empty"),
    "half an answer": (forced(TRUNCATED), "ProbeRejected", NO_FRAME),
    "a greeting before the answer": (forced(MOTD), "ProbeRejected", NO_FRAME),
    "an old answer": (forced(STALE), "ProbeRejected", "it answers another question"),
    "a login shell that prints": (login("echo hello\n"), "ProbeRejected", NO_FRAME),
    "a login shell that floods": (login(FLOOD), "OutputOverflow", "sent far more"),
    "another sha256sum": (replaced("sha256sum"), "ProbeRejected", "did not arrive whole"),
    "another base64": (replaced("base64"), "ToolContract", "base64 on the node"),
    "another awk": (replaced("awk"), "ToolContract", "awk on the node"),
    "another timeout": (replaced("timeout"), "ProbeRejected", NO_FRAME),
    "another date": (replaced("date"), "ProbeRejected", "cannot read the node's answer"),
    "another docker": (replaced("docker"), "ProbeRejected", "docker failed"),
}


@pytest.fixture(scope="module")
def vps(cluster: Cluster, node: Node, operator: Operator, pushed: Registry) -> str:
    fleet.provision(node)
    cluster.apply(
        fleet.key_secret(node.keys.private),
        fleet.release("1.0.0"),
        fleet.kaitu_node("vps", node, **SPEC),
    )
    fleet.wait_ready(cluster, "vps", 240)
    return "vps"


def ask(cluster: Cluster, name: str) -> None:
    token = cluster.kubectl("get", "kaitunode", name, "-o", "jsonpath={.metadata.resourceVersion}")
    cluster.kubectl(
        "annotate", "--overwrite", "kaitunode", name, f"fleet.kaitu.io/requestedAt={token}"
    )


def cut(node: Node) -> None:
    """End open sessions: a forced command is of the login, and a kept connection was honest."""
    with fault(node, "sessions"):
        pass


def visits(operator: Operator) -> int:
    found = re.findall(r"^kaitu_visits_total\{.*} (\d+)", operator.get("/metrics"), re.MULTILINE)
    return sum(map(int, found))


def has_made(operator: Operator, wanted: int) -> bool:
    return visits(operator) >= wanted


def look_again(cluster: Cluster, operator: Operator, name: str) -> fleet.Seen:
    """What is said after two more visits, at least one of which began after this call."""
    for wanted in (visits(operator) + 1, visits(operator) + 2):
        ask(cluster, name)
        until(partial(has_made, operator, wanted), 120, "another visit")
    return fleet.look(cluster, name)


def is_unknown(seen: fleet.Seen) -> None:
    """Below the layer that failed nothing is called good, nothing bad."""
    assert seen.condition("Reachable")["status"] == "True"
    for kind in ("InSync", "Healthy"):
        assert seen.condition(kind)["status"] == "Unknown", seen
    assert seen.condition("Ready")["status"] != "True", seen
    states = {one["state"] for one in seen.status["aspects"]}
    assert states == {"Unknown"}, seen


@pytest.mark.parametrize(("lie", "reason", "why"), LIARS.values(), ids=LIARS)
def test_a_liar_is_not_believed(vps, cluster, node, operator, lie, reason, why):
    begin, text, end = lie
    try:
        node.run(begin, input=text)
        cut(node)
        ask(cluster, vps)
        fleet.wait(
            cluster, vps, lambda s: s.says("ProbeTrusted", "False", reason), 120, f"False {reason}"
        )
        node.run(f"sed -i s,true,false, {CRON}")
        before = node.run(TRACES)
        seen = look_again(cluster, operator, vps)
        assert seen.says("ProbeTrusted", "False", reason), seen
        assert why in seen.condition("ProbeTrusted")["message"]
        is_unknown(seen)
        assert node.run(TRACES) == before
    finally:
        node.run(end)
        cut(node)
    ask(cluster, vps)
    until(lambda: "/bin/true" in node.read(CRON), 120, "mended cron entry")
    fleet.wait_ready(cluster, vps, 120)


@pytest.fixture
def other(lab: Lab) -> Iterator[Node]:
    """A node that belongs to somebody else."""
    made = lab.node("other", engine=False)
    made.run("mkdir -m 700 /var/lib/kaitu-operator")
    made.write("/var/lib/kaitu-operator/owner", "elsewhere fleet/other\n", mode=0o600)
    yield made
    made.remove()


def relayed(node: Node, other: Node) -> str:
    """As a proxy that is set up wrongly: each command runs, honestly, on the other node."""
    node.write("/root/id", node.keys.private, mode=0o600)
    options = "-i /root/id -o StrictHostKeyChecking=no -o LogLevel=ERROR -p 1022"
    return f'#!/bin/sh\nexec ssh {options} root@{other.address} "$SSH_ORIGINAL_COMMAND"\n'


def test_another_node_s_honest_answer_is_another_owner_s(vps, cluster, node, other):
    begin, text, end = forced(relayed(node, other))
    before = node.run(TRACES), other.run(TRACES, check=False)
    try:
        node.run(begin, input=text)
        cut(node)
        ask(cluster, vps)
        seen = fleet.wait(
            cluster, vps, lambda s: s.says("InSync", "False", "OwnedByAnother"), 120, "owner"
        )
        assert seen.condition("Ready")["status"] == "False"
        assert "elsewhere" in seen.condition("InSync")["message"]
        assert (node.run(TRACES), other.run(TRACES, check=False)) == before
    finally:
        node.run(end)
        cut(node)
    ask(cluster, vps)
    fleet.wait_ready(cluster, vps, 120)
