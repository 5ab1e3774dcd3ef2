"""Random edits of a small stack: what people change in a compose file, in .env and by hand.

A stack stays one that compose takes and that comes up at once: a wrong file foretells nothing.
"""

import json
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

WAITS = "trap 'exit 0' TERM; while :; do sleep 999 & wait $$!; done"
ODD = ("1", "two words", 'quo"ted', "dollar$$", "", "on", "a: b", "ümlaut", "'x'", "#no", "a\nb")
HEALTH = {"test": ["CMD", "true"], "interval": "1s", "timeout": "5s", "retries": 9}
PARTS = ("network_mode", "ipc")
NAMES = ("gate", "front", "side", "back", "lone", "extra", "once", "two")


def service(number: int, **more: Any) -> dict[str, Any]:
    return {
        "image": "registry.lab:5000/k2-oc:v1",
        "restart": "unless-stopped",
        "stop_grace_period": "3s",
        "entrypoint": ["sh", "-c", WAITS],
        "environment": {"N": str(number)},
        **more,
    }


@dataclass
class Stack:
    """The release of one node and the variables of its .env; ``by_hand`` runs on the node."""

    services: dict[str, dict[str, Any]]
    variables: dict[str, str] = field(default_factory=lambda: {"V1": "a", "V2": "b"})
    by_hand: str = ""
    comment: int = 0

    @classmethod
    def first(cls) -> "Stack":
        healthy = {"gate": {"condition": "service_healthy"}}
        return cls({
            "gate": service(0, healthcheck=HEALTH),
            "front": service(1, depends_on=healthy, ipc="shareable"),
            "side": service(2, network_mode="service:front"),
            "back": service(3, env_file=".env", depends_on={"front": STARTED}),
            "lone": service(4, environment={"V": "${V1}"}, ports=["7000:443"]),
        })  # fmt: skip

    @property
    def text(self) -> str:
        """JSON is YAML; the order of the keys says nothing."""
        volumes: dict[str, Any] = {"data": {}}
        networks: dict[str, Any] = {"inner": {}}
        whole = {"services": self.services, "volumes": volumes, "networks": networks}
        return f"# edit {self.comment}\n{json.dumps(whole, indent=1)}\n"


STARTED = {"condition": "service_started"}


def edited(stack: Stack, random: Random) -> tuple[str, Stack]:
    """Another stack, one to three edits away, and what was done."""
    new, done = deepcopy(stack), list[str]()
    new.by_hand = ""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        edit = random.choice(EDITS)
        name = random.choice(list(new.services))
        done.append(f"{edit.__name__} {edit(new, name, random) or name}")
    return ", ".join(done), new


def image(s: Stack, name: str, r: Random) -> None:
    role, version = r.choice(("k2-oc", "k2v5")), r.choice(("v1", "v2"))
    s.services[name]["image"] = f"registry.lab:5000/{role}:{version}"


def environment(s: Stack, name: str, r: Random) -> None:
    s.services[name].setdefault("environment", {})[r.choice("ABC")] = r.choice(ODD)


def variable(s: Stack, _: str, r: Random) -> str:
    name = r.choice(sorted(s.variables))
    s.variables[name] = r.choice(("a", "b", "c d", "#e", 'f"'))
    return name


def new_variable(s: Stack, _: str, r: Random) -> str:
    name = f"W{r.randrange(4)}"
    s.variables[name] = r.choice("xy")
    return name


def interpolation(s: Stack, name: str, r: Random) -> None:
    environment = s.services[name].setdefault("environment", {})
    environment["V"] = r.choice(("${V1}", "${V2:-x}", "${W0:-none}", "${W1-}"))


def env_file(s: Stack, name: str, r: Random) -> None:
    """Compose's hash alone does not see what is in it."""
    optional = [{"path": ".env"}, {"path": "absent.env", "required": False}]
    s.services[name]["env_file"] = r.choice((".env", [".env"], [], optional))


def ports(s: Stack, name: str, r: Random) -> None:
    if "network_mode" not in s.services[name] and s.services[name].get("scale", 1) == 1:
        s.services[name]["ports"] = [f"{7001 + NAMES.index(name) * 100 + r.randrange(90)}:443"]


def labels(s: Stack, name: str, r: Random) -> None:
    s.services[name]["labels"] = {"a.b": r.choice(ODD), "c": str(r.randrange(3))}


def command(s: Stack, name: str, r: Random) -> None:
    s.services[name]["command"] = r.choice((["x"], ["a b", "$$c"], "a 'b c' d", None))


def volumes(s: Stack, name: str, r: Random) -> None:
    s.services[name]["volumes"] = r.choice(([], ["data:/data"], ["/etc/hostname:/h:ro"]))


def networks(s: Stack, name: str, r: Random) -> None:
    if "network_mode" not in s.services[name]:
        s.services[name]["networks"] = r.choice((["default"], ["default", "inner"]))


def healthcheck(s: Stack, name: str, r: Random) -> None:
    s.services[name]["healthcheck"] = {**HEALTH, "retries": r.randrange(8, 12)}


def add(s: Stack, name: str, r: Random) -> str:
    free = [one for one in NAMES if one not in s.services]
    if not free:
        return "none"
    new, number = r.choice(free), r.randrange(9)
    needs = {} if s.services[name].get("profiles") or r.random() < 0.5 else {name: STARTED}
    s.services[new] = service(number, depends_on=needs)
    if new == "once":
        s.services[new] |= {"restart": "no", "entrypoint": ["true"]}
    return new


def remove(s: Stack, name: str, _: Random) -> str | None:
    if _active(s) <= {name}:
        return "none"
    del s.services[name]
    _forget(s, name)
    return None


def _active(s: Stack) -> set[str]:
    return {name for name, one in s.services.items() if not one.get("profiles")}


def _forget(s: Stack, name: str) -> None:
    """Nobody needs it any more."""
    for one in s.services.values():
        one.get("depends_on", {}).pop(name, None)
        for part in PARTS:
            if one.get(part) == f"service:{name}":
                del one[part]


def profile(s: Stack, name: str, r: Random) -> None:
    """A service with a profile does not start; what needs it would be refused."""
    if s.services[name].pop("profiles", None) or _active(s) <= {name}:
        return
    _forget(s, name)
    s.services[name] |= {"profiles": ["debug"], "depends_on": {}}
    for part in PARTS:
        s.services[name].pop(part, None)


def scale(s: Stack, name: str, r: Random) -> None:
    if "ports" not in s.services[name] and name != "once":
        s.services[name]["scale"] = r.choice((1, 2))


def _below(s: Stack, name: str) -> list[str]:
    """Those that may be needed by it: no rings, nothing that does not run."""
    order = list(s.services)
    return [other for other in order[: order.index(name)] if other in _active(s) - {"once"}]


def depends_on(s: Stack, name: str, r: Random) -> str | None:
    below = _below(s, name)
    if not below or s.services[name].get("profiles"):
        return "none"
    other = r.choice(below)
    how = r.choice(("service_started", "service_healthy", "", "restart"))
    needs = s.services[name].setdefault("depends_on", {})
    if not how:
        needs.pop(other, None)
    elif how == "restart":
        needs[other] = {**STARTED, "restart": True}
    else:
        needs[other] = {"condition": how}
        s.services[other].setdefault("healthcheck", HEALTH)
    return f"{name} {how} {other}"


def sharing(s: Stack, name: str, r: Random) -> str | None:
    """A part of another container: its network, or what it has in memory."""
    below = _below(s, name)
    one = s.services[name]
    if not below or one.get("profiles"):
        return "none"
    other, part = r.choice(below), r.choice(PARTS)
    if one.get(part, "").startswith("service:"):
        del one[part]
    elif part == "ipc" and "ipc" not in s.services[other]:
        s.services[other]["ipc"] = "shareable"
        one["ipc"] = f"service:{other}"
    elif part == "network_mode":
        one["network_mode"] = f"service:{other}"
        for word in ("ports", "networks"):
            one.pop(word, None)
    return f"{name} {part} {other}"


def nothing(s: Stack, _: str, r: Random) -> str:
    s.comment = r.randrange(1 << 20)
    return "changed but a comment"


def by_hand(s: Stack, name: str, r: Random) -> str:
    """Somebody was on the node."""
    shared = f"service:{name}" in {one.get(part) for one in s.services.values() for part in PARTS}
    what = r.choice(("stop -t 3", "restart -t 3", "kill", "start" if shared else "rm -f"))
    find = f"docker ps -aq --filter label=com.docker.compose.service={name}"
    s.by_hand += f"{find} | xargs -r docker {what} >/dev/null || :\n"
    return f"{what} {name}"


EDITS = (
    *(image, environment, variable, new_variable, interpolation, env_file, ports, labels, command),
    *(volumes, networks, healthcheck, add, remove, profile, scale, depends_on, sharing, nothing),
    by_hand,
)
