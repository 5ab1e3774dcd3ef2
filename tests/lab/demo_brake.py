"""The demo's last act: three nodes follow one ConfigMap, one after the other or not at all."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lab import fleet
from lab.fleet import Seen
from lab.node import Node
from lab.stack import stack
from lab.stage import Stage, say
from lab.steps import LabError
from lab.wait import until

VERSION = "5.6.1"  # what the first node runs by now
NAMES = ("vps-1", "vps-2", "vps-3")
BEFORE = stack("v2")
AFTER = BEFORE.replace("k2-oc:v2", "k2-oc:v1")
SICK = AFTER.replace("k2-sidecar:v2", "k2-sidecar:v3-sick")
STARTED = "docker ps -q | xargs docker inspect -f '{{.Name}} {{.State.StartedAt}}' | sort"


@dataclass
class Watch:
    """All KaituNodes; each new word of Ready is printed once, with the seconds since the edit."""

    stage: Stage
    began: float = field(default_factory=time.monotonic)
    said: dict[str, str] = field(default_factory=dict)

    def until_all(self, check: Callable[[Seen], bool], what: str) -> dict[str, Seen]:
        return until(lambda: self._pass(check), 180, what)

    def _pass(self, check: Callable[[Seen], bool]) -> dict[str, Seen] | None:
        seen = {name: fleet.look(self.stage.cluster, name) for name in NAMES}
        for name, one in seen.items():
            word = one.condition("Ready").get("reason", "NotVisited")
            if self.said.get(name) != word:
                print(f"   {time.monotonic() - self.began:5.1f} s  {name}  {word}", flush=True)
            self.said[name] = word
        return seen if all(map(check, seen.values())) else None


def brake(stage: Stage) -> None:
    nodes = {NAMES[0]: stage.node, **{name: stage.lab.node(name) for name in NAMES[1:]}}
    joined(stage, nodes)
    edited(stage, nodes)
    stopped(stage, nodes)


def joined(stage: Stage, nodes: Mapping[str, Node]) -> None:
    say(f"Two more nodes join; all three follow one ConfigMap, compose-{VERSION}")
    watch = Watch(stage)
    wanted = {"version": VERSION, "file": None}
    stage.cluster.apply(fleet.key_secret(stage.node.keys.private), fleet.release(VERSION, BEFORE))
    fleet.patch(stage.cluster, NAMES[0], compose=wanted)
    for name in NAMES[1:]:
        fleet.provision(nodes[name])
        made = fleet.kaitu_node(name, nodes[name], compose={"version": VERSION})
        stage.cluster.apply(made)
    watch.until_all(follows(BEFORE), "three nodes in order")


def follows(text: str) -> Callable[[Seen], bool]:
    """In order, and with this file."""
    wanted = hashlib.sha256(text.encode()).hexdigest()
    return lambda seen: seen.ready and seen.status["compose"].get("fileDigest") == wanted


def edit(stage: Stage, text: str) -> Watch:
    """The ConfigMap is changed; an annotation spares the minute until it is read again."""
    watch = Watch(stage)
    stage.cluster.apply(fleet.release(VERSION, text))
    word = f"fleet.kaitu.io/requestedAt={time.time()}"
    stage.cluster.kubectl("annotate", "--overwrite", "kaitunode", NAMES[0], word)
    return watch


def edited(stage: Stage, nodes: Mapping[str, Node]) -> None:
    say("That ConfigMap is edited (another k2-oc): the nodes follow one after the other")
    edit(stage, AFTER).until_all(follows(AFTER), "three nodes with the edit")
    began = {name: services(node)["/k2-oc"] for name, node in nodes.items()}
    for name in sorted(began, key=lambda name: began[name]):
        print(f"   k2-oc of {name} started again at {began[name][11:19]}", flush=True)


def stopped(stage: Stage, nodes: Mapping[str, Node]) -> None:
    say("It is edited again, with a sidecar that never gets healthy: it must stop at the first")
    before = {name: services(node) for name, node in nodes.items()}
    seen = edit(stage, SICK).until_all(halted, "a release that stopped")
    for name, node in nodes.items():
        text = seen[name].condition("InSync")["message"]
        untouched = services(node) == before[name]
        if not untouched and seen[name].says("InSync", "False", "HeldElsewhere"):
            raise LabError(f"{name} was touched by a release that is held elsewhere")
        print(f"   {name}: {text}{'; untouched' if untouched else ''}", flush=True)
    say("The ConfigMap is corrected")
    edit(stage, AFTER).until_all(follows(AFTER), "three nodes in order again")


def halted(seen: Seen) -> bool:
    """Held here, or not begun because it is held elsewhere."""
    return seen.condition("InSync").get("reason") in {"GateFailed", "HeldElsewhere"}


def services(node: Node) -> dict[str, str]:
    """When the container of each service started."""
    return dict(line.split() for line in node.run(STARTED).splitlines())
