"""What Docker says of its containers, as told under every shell, by a docker that has too many."""

import base64
import json

from kaitu.core.command import Command
from scripts.run import Node, joined, toolbox

PARTS = ("frame.sh", "docker.sh", "probe_docker.sh", "probe.sh")
OTHERS, LABEL = 220, "com.docker.compose.project"

# The newest container comes first, as docker ps tells them: those of the deployment come last.
DOCKER = f"""
case $* in
'version '*) echo 26.1.5 ;;
'compose version '*) echo 2.26.1 ;;
*"{LABEL}.working_dir=/apps/kaitu-slave") echo made-here ;;
*"{LABEL}=kaitu-slave") printf 'made-here\\nof-its-name\\n' ;;
'ps -aq '*)
    seq -f 'other-%g' {OTHERS}
    printf 'made-here\\nof-its-name\\n'
    ;;
'inspect '*)
    shift 5
    for id in "$@"; do printf '{{"id":"%s"}}\\n' "$id"; done
    ;;
esac
"""


def told(node: Node) -> list[str]:
    """The ids of the containers that the fragment tells of."""
    data = b"/apps/kaitu-slave\n"
    command = Command("probe", (f"docker:{len(data)}",), data)
    answer = node.answer(command, text=joined(*PARTS))["fragments"]["docker"]
    assert answer["rc"] == 0
    state, *found = base64.b64decode(answer["out"]).decode().splitlines()
    assert state == "engine\tok\t26.1.5\t2.26.1"
    return [json.loads(line)["id"] for line in found]


def test_of_too_many_containers_those_of_the_deployment_are_told_first(bare: Node) -> None:
    tools = dict.fromkeys(("seq", "env", "sh"), 'exec REAL "$@"')

    found = told(toolbox(bare, **tools, docker=DOCKER))

    assert found[:2] == ["made-here", "of-its-name"]
    assert len(set(found)) == len(found) == 200
