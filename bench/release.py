"""What a release costs: time over compose alone, and how long the front door is shut meanwhile."""

import statistics
import time
from collections.abc import Callable
from functools import partial

from bench.say import Say
from bench.setting import Setting
from lab import fleet
from lab.cluster import Cluster
from lab.door import knocking
from lab.node import Node
from lab.run import Lab
from lab.stack import FOLDER, stack
from lab.wait import until

PORT, REPEATS, SERVICES, NAME = 443, 3, 4, "release"
VERSIONS = ("v2", "v1")


def measure(setting: Setting, say: Say) -> None:
    """The same two releases in turn, by hand and by the operator, on one node with both pulled."""
    cluster = setting.cluster
    assert setting.operator
    node = _ready(setting.lab, cluster)
    restart, shut_restart = _timed(node, lambda: node.run("docker restart k2v5 >/dev/null"))
    fleet.patch(cluster, NAME, suspend=True)
    bare = [_timed(node, partial(_by_hand, node, tag)) for tag in VERSIONS * REPEATS]
    fleet.patch(cluster, NAME, suspend=False)
    runs: list[float] = []
    ours = [_timed(node, partial(_by_us, cluster, node, tag, runs)) for tag in VERSIONS * REPEATS]
    took, alone = (statistics.median(seconds for seconds, _ in some) for some in (ours, bare))
    running = statistics.median(runs)
    say("one container restart", f"{restart:.1f} s", f"port {PORT} shut for {shut_restart:.1f} s")
    say("release by compose pull && up -d", f"{alone:.1f} s", f"shut for {_shut(bare)}")
    say(
        "release by the operator, edit to all running",
        f"{running:.1f} s",
        f"shut for {_shut(ours)}",
    )
    say("the operator's part of it", f"{running - alone:.1f} s", "checks, gate, one visit")
    say("edit to Ready", f"{took:.1f} s", "with five seconds in which nothing restarts")


def _shut(some: list[tuple[float, float]]) -> str:
    return f"{statistics.median(shut for _, shut in some):.1f} s"


def _ready(lab: Lab, cluster: Cluster) -> Node:
    lab.registry.push(*VERSIONS)
    node = lab.node(NAME)
    fleet.provision(node)
    releases = [fleet.release(tag, stack(tag)) for tag in VERSIONS]
    secret = {"name": "release-key"}
    key = fleet.key_secret(node.keys.private)
    key["metadata"]["name"] = secret["name"]
    wanted = fleet.kaitu_node(NAME, node, compose={"version": "v1"}, interval="60s")
    wanted["spec"]["connection"]["privateKeySecretRef"] = secret
    cluster.apply(key, *releases, wanted)
    fleet.wait_ready(cluster, NAME, 240)
    return node


def _by_hand(node: Node, tag: str) -> None:
    node.write(f"{FOLDER}/docker-compose.yml", stack(tag))
    node.run(f"cd {FOLDER} && docker compose pull -q && docker compose up -d", timeout=240)


def _by_us(cluster: Cluster, node: Node, tag: str, runs: list[float]) -> None:
    began = time.monotonic()
    fleet.patch(cluster, NAME, compose={"version": tag})
    count = f"docker ps --format '{{{{.Image}}}}' | grep -c ':{tag}$' || :"
    until(lambda: int(node.run(count)) == SERVICES, 240, f"containers of {tag}", pause=0.1)
    runs.append(time.monotonic() - began)

    def there(seen: fleet.Seen) -> bool:
        return seen.ready and seen.status["compose"].get("version") == tag

    fleet.wait(cluster, NAME, there, 240, f"release {tag}")


def _timed(node: Node, act: Callable[[], object]) -> tuple[float, float]:
    """Seconds that it took, and the longest time in which the port did not answer."""
    with knocking(node, PORT) as door:
        began = time.monotonic()
        act()
        took = time.monotonic() - began
    return took, door.closed
