"""What happened on a node, told by Docker and by the file system, not by the operator."""

import json
from collections.abc import Mapping

from kaitu.core.plan import Action
from lab.node import Node

Runs = Mapping[str, Mapping[str, tuple[str, bool]]]
"""Service to the ids of its containers, each with when it was started and whether it runs."""

_RUNS = (
    '{"service": {{json (index .Config.Labels "com.docker.compose.service")}},'
    ' "id": {{json .ID}}, "started": {{json .State.StartedAt}}, "runs": {{json .State.Running}}}'
)


def runs(node: Node) -> Runs:
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    lines = node.run(f"docker ps -aq --no-trunc | xargs -r docker inspect -f '{_RUNS}'")
    for one in map(json.loads, lines.splitlines()):
        found.setdefault(one["service"], {})[one["id"]] = (one["started"], one["runs"])
    return found


def deeds(before: Runs, after: Runs) -> dict[str, Action]:
    """What was done to each service; those that were left alone are not in it."""
    found = {
        name: _deed(before.get(name, {}), after.get(name, {})) for name in {**before, **after}
    }
    return {name: deed for name, deed in found.items() if deed}


def _deed(
    old: Mapping[str, tuple[str, bool]], new: Mapping[str, tuple[str, bool]]
) -> Action | None:
    came, went = new.keys() - old.keys(), old.keys() - new.keys()
    if came and went:
        return Action.RECREATED
    if came or went:
        return Action.STARTED if came else Action.REMOVED
    moved = [one for one in old if old[one][0] != new[one][0]]
    if not moved:
        return None
    return Action.RESTARTED if any(old[one][1] for one in moved) else Action.STARTED


# Logs of sshd and sudo grow with every look; of /var/lib/docker, Docker itself tells. In /tmp its
# client has a socket while it lives, and its health checks have files: nothing of ours.
_PLACES = "/apps /etc /root /home /usr/local /var/lib/kaitu-operator /var/spool/cron /dev/shm /mnt"
_PARTS = {
    "containers": "docker ps -aq --no-trunc | sort | xargs -r docker inspect "
    "-f '{{.ID}} {{.Name}} {{.State.Status}} {{.State.StartedAt}} {{.RestartCount}}'",
    "images": "docker images -a --no-trunc --digests | sort",
    "networks": "docker network ls --no-trunc -q | sort",
    "volumes": "docker volume ls -q | sort",
    "files": f"find {_PLACES} -printf '%p %i %m %U:%G %s %T@ %C@\\n' 2>/dev/null | sort",
    "contents": f"find {_PLACES} -type f -exec sha256sum {{}} + 2>/dev/null | sort",
    "mounts": "cat /proc/1/mountinfo | sort",
    "sysctls": "sysctl -a 2>/dev/null | grep -Ev "
    "'^(fs|kernel\\.(random|ns_last_pid|pty))|conntrack_count' | sort",
    "crontabs": "crontab -l 2>&1; cat /etc/cron*/* /var/spool/cron/crontabs/* 2>/dev/null",
}  # fmt: skip


def fingerprint(node: Node) -> dict[str, str]:
    """All that a plan must leave as it is."""
    script = "".join(f"echo '== {name}'; {command}\n" for name, command in _PARTS.items())
    parts = node.run(f"{script}:").split("== ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The lines that came or went, part by part."""
    return [
        f"{name}: {sign}{line}"
        for name in before
        for sign, one, other in (("-", before, after), ("+", after, before))
        for line in sorted({*one[name].splitlines()} - {*other[name].splitlines()})
    ]


def events(node: Node, since: str) -> list[str]:
    """Docker's own log from then on, without the health checks."""
    form = "{{.Type}} {{.Action}} {{.Actor.ID}}"
    until = node.run("date +%s.%N").strip()
    told = node.run(f"docker events --since {since} --until {until} --format '{form}'")
    return [line for line in told.splitlines() if " exec_" not in line and "health" not in line]
