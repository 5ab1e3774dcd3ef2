"""The only ways in which Docker may be called on a node: guardrails 1, 2 and 5 as an allowlist."""

import re
from typing import Final

_COMPOSE: Final = (
    r"compose -p [a-z0-9_-]+ -f \S+/docker-compose\.yml --env-file \S+ --project-directory \S+ "
)
_AHEAD: Final = r"compose -p [a-z0-9_-]+ -f {file} --env-file \S+/{env} --project-directory \S+ "
_UP: Final = r"up -d --pull never --no-build --remove-orphans=false"
_LABEL: Final = r"label=com\.docker\.compose\.[a-z_.]+=\S+"
_PROJECT: Final = r"\{\{\.Label \"com\.docker\.compose\.project\"\}\}"
_KEPT: Final = "kaitu-(next|before)"
_COMPARED: Final = (
    r"\{\{\.Names\}\}\t\{\{\.ID\}\}(\t\{\{\.Label \"com\.docker\.compose\.[a-z-]+\"\}\}){3}"
    r"\t\{\{\.State\}\}\t\{\{\.Label \"com\.docker\.compose\.oneoff\"\}\}"
)
_NAME: Final = r"[A-Za-z0-9_.][A-Za-z0-9_.-]*"

ALLOWED: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"version( --format \{\{\.Server\.Version\}\})?",
        r"compose version --short",
        rf"ps -a --no-trunc --filter {_LABEL} --format {_COMPARED}",
        rf"ps -aq?( --no-trunc)?( --filter {_LABEL})*( --format {_PROJECT})?",
        r"inspect --type container kaitu-operator/absent",
        r"inspect --type container --format \{.*\}( [0-9a-f]{6,64})+",
        r"image inspect --format \{\{\.Id\}\}( [^ -]\S*)+",
        r"stop( [0-9a-f]{6,64})+",
        r"rm( [0-9a-f]{6,64})+",
        rf"images --format \{{\{{\.Tag\}}\}} {_KEPT}",
        rf"tag (sha256:)?[0-9a-f]{{2,64}} ({_KEPT}:[0-9a-f]{{2,12}}|{_NAME})",
        rf"rmi {_KEPT}:[0-9a-f]{{12}}",
        r"pull -q( --platform \S+)? [^ -]\S*",
        rf"{_COMPOSE}ps -aq",
        rf"{_COMPOSE}config( -q| --services| --hash \*)?",  # the rules say where the whole goes
        rf"{_AHEAD.format(file='-', env='(.env|null)')}config (-q|--hash \*)",
        rf"{_COMPOSE}{_UP}( --no-recreate)?( --no-deps)?( --wait --wait-timeout \d+)?( {_NAME})*",
    )
)
ASKS_MUCH: Final = re.compile(r"\.Env\b|\.Mounts|\.Cmd|\.Args|json \.(Config|HostConfig|State)?\}")

_K: Final = "compose -p k -f /a/docker-compose.yml --env-file /a/.env --project-directory /a"
_U: Final = f"{_K} up -d --pull never --no-build --remove-orphans=false"
PLANTS: Final = (
    f"{_K} down",
    f"{_K} config --environment",
    f"{_K} up -d",
    f"{_U} --remove-orphans",
    f"{_U} -V",
    "compose down",
    "rm -v 0123456789ab",
    "rm -f 0123456789ab",
    "inspect 0123456789ab",
    "inspect --type container --format {{json .Config.Env}} 0123456789ab",
    "inspect --type container --format {{json .}} 0123456789ab",
    "volume rm x",
    "rmi k2v5:v1",
    "rmi -f kaitu-next:0123456789ab",
    "pull k2v5",
    "pull -q -a k2v5",
    "system prune -af",
    "exec k2v5 env",
    "logs k2v5",
)
"""Calls that must be found."""


def strange(calls: list[str]) -> list[str]:
    """The calls that nothing allows."""
    return [
        call
        for call in calls
        if ASKS_MUCH.search(call) or not any(one.fullmatch(call) for one in ALLOWED)
    ]
