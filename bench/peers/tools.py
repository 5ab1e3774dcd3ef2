"""How each peer is called, and what of it is measured."""

import json
import re
import shlex
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bench.line import Line, line
from bench.say import Say, spread
from bench.setting import KERNEL, SERVICES, Setting
from lab import cache
from lab.command import attempt, run
from lab.node import Node
from lab.operator import ROOT
from lab.stack import FOLDER
from lab.steps import LabError, step

HERE = Path(__file__).parent
LOCK = ROOT / "requirements" / "peers.txt"
RUNS, MORE, ONE_WAY = 3, 4, 0.05
HOSTS = tuple(f"127.0.0.{n + 1}" for n in range(1 + MORE))
COMPOSE, DOTENV = f"{FOLDER}/docker-compose.yml", f"{FOLDER}/.env"
FILES = ("/etc/cron.d/kaitu-trim", "/etc/cron.d/kaitu-report", "/etc/sysctl.d/99-z-kaitu.conf")
MUX = "-o ControlMaster=auto -o ControlPersist=60s -o KexAlgorithms=curve25519-sha256"


@dataclass(frozen=True)
class Call:
    """One call of a peer, with files of its own: at these addresses, all of them the one node."""

    node: Node
    work: Path
    bin: Path
    hosts: tuple[str, ...]
    port: int

    @property
    def key(self) -> str:
        return str(self.node.keys.path)

    @property
    def ssh(self) -> tuple[str, ...]:
        return (
            "-F", "none", "-p", str(self.port), "-i", self.key, "-o", "IdentitiesOnly=yes",
            "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self.work / 'known_hosts'}",
            "-o", "KexAlgorithms=curve25519-sha256", "-o", "LogLevel=ERROR",
        )  # fmt: skip


def ansible(book: str) -> Callable[[Call], tuple[str, ...]]:
    def argv(call: Call) -> tuple[str, ...]:
        settings = {
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_FORKS": "50",
            "ANSIBLE_HOST_KEY_CHECKING": "True",
            "ANSIBLE_LOCAL_TEMP": str(call.work / "ansible"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(call.work / "cp"),
            "ANSIBLE_SSH_ARGS": f"{MUX} -o UserKnownHostsFile={call.work / 'known_hosts'}",
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        }
        to = "".join(f"{host}:{call.port}," for host in call.hosts)
        who = ("--user", "root", "--private-key", call.key)
        return (
            "env", *(f"{name}={value}" for name, value in settings.items()),
            str(call.bin / "ansible-playbook"), "-i", to, *who,
            "-e", f"@{call.work / 'wanted.json'}", "-e", f"work={call.work}", str(HERE / book),
        )  # fmt: skip

    return argv


def pyinfra(deploy: str) -> Callable[[Call], tuple[str, ...]]:
    def argv(call: Call) -> tuple[str, ...]:
        return (
            str(call.bin / "pyinfra"), "-y", ",".join(call.hosts), "--ssh-user", "root",
            "--ssh-port", str(call.port), "--ssh-key", call.key,
            "--data", f"work={call.work}",
            "--data", f"ssh_known_hosts_file={call.work / 'known_hosts'}", str(HERE / deploy),
        )  # fmt: skip

    return argv


def ssh(call: Call) -> tuple[str, ...]:
    return ("ssh", *call.ssh, f"root@{call.hosts[0]}", (call.work / "check.sh").read_text())


TOOLS: dict[str, Callable[[Call], tuple[str, ...]]] = {
    "Ansible, modules": ansible("site.yml"),
    "Ansible, one raw": ansible("raw.yml"),
    "pyinfra, operations": pyinfra("operations.py"),
    "pyinfra, one server.shell": pyinfra("oneshell.py"),
    "ssh, one command": ssh,
}


def measure(setting: Setting, say: Say) -> None:
    """CPU of the whole tree of processes, and how often it waits, on a line as ours is."""
    node, programs = setting.node, _installed()
    work = setting.lab.state / "peers"
    say("versions", "", versions())
    _prepare(node, work)
    before = _files(node)
    with line(node.address, node.port, ONE_WAY) as far, line(node.address, node.port, 0) as near:
        key = node.host_key
        known = [f"[{host}]:{one.port} {key}\n" for host in HOSTS for one in (far, near)]
        (work / "known_hosts").write_text("".join(known))
        for what, argv in TOOLS.items():
            calls = [_call(argv, node, work, programs, near) for _ in range(RUNS + 1)][1:]
            _call(argv, node, work, programs, far)
            cpu, wall = ([one[of] for one in calls] for of in ("cpu", "wall"))
            say(f"{what}: CPU", spread([1000 * s for s in cpu], "ms", 0), "start and one node")
            if argv is not ssh:
                many = _call(argv, node, work, programs, near, 1 + MORE)["cpu"]
                each = 1000 * (many - statistics.median(cpu)) / MORE
                say(f"{what}: CPU, each further node", f"{each:.0f} ms", f"{MORE} at once")
            say(f"{what}: wall", spread(wall, "s"), "no delay")
            trips = far.round_trips()
            say(f"{what}: round trips", str(trips), f"{far.calls} connections, counted")
    if _files(node) != before:
        raise LabError("a peer changed the node: what it was measured at was no no-op")


def versions() -> str:
    """Of the peers as they are locked, and of the two that speak SSH here."""
    locked = re.findall(r"^(ansible-core|pyinfra|paramiko)==(\S+)", LOCK.read_text(), re.MULTILINE)
    names = [f"{name} {version}" for name, version in locked]
    openssh = attempt("ssh", "-V")[2].partition(",")[0]
    return ", ".join((*names, openssh, f"asyncssh {metadata.version('asyncssh')}"))


def _call(
    argv: Callable[[Call], tuple[str, ...]],
    node: Node,
    work: Path,
    programs: Path,
    to: Line,
    count: int = 1,
) -> dict[str, float]:
    to.clear()
    words = argv(Call(node, work, programs, HOSTS[:count], to.port))
    told = run(sys.executable, str(HERE / "tree.py"), *words, timeout=300)
    found: dict[str, float] = json.loads(told.splitlines()[-1])
    if found["code"]:
        raise LabError(f"{words[0]} failed with {found['code']}: {shlex.join(words)[:500]}")
    return found


def _installed() -> Path:
    """The peers in an environment of their own, made once for each state of the lock."""
    folder = cache.root() / "peers" / cache.digest(LOCK.read_bytes())
    with cache.locked(folder.with_suffix(".lock")):
        if not (folder / "done").exists():
            with step("installing Ansible and pyinfra", "1 min"):
                run(str(ROOT / "requirements" / "new-venv"), str(folder), str(LOCK), timeout=900)
            (folder / "done").touch()
    return folder / "bin"


def _prepare(node: Node, work: Path) -> None:
    """What the peers want is what is there: the node is in order."""
    for name in ("ansible", "cp"):
        (work / name).mkdir(parents=True, exist_ok=True)
    for path in (COMPOSE, *FILES):
        (work / Path(path).name).write_bytes(node.read_bytes(path))
    lines = [one for one in node.read(DOTENV).splitlines() if not one.startswith("K2_NODE_SECRET")]
    env = [{"name": one.partition("=")[0], "line": one} for one in lines if "=" in one]
    wanted = {
        "compose": COMPOSE, "dotenv": DOTENV, "env": env, "files": FILES, "kernel": KERNEL,
        "services": SERVICES,
    }  # fmt: skip
    (work / "wanted.json").write_text(json.dumps(wanted))
    (work / "check.sh").write_text(_script(node, env))


def _script(node: Node, env: list[dict[str, str]]) -> str:
    """The same checks in one shell command."""
    sums = node.run(f"sha256sum {COMPOSE} {' '.join(FILES)}")
    kernel = "".join(f"{value}\n" for value in KERNEL.values())
    return "\n".join(
        (
            "set -e",
            f"sha256sum --quiet -c <<'END'\n{sums}END",
            *(f"grep -qxF {shlex.quote(one['line'])} {DOTENV}" for one in env),
            f'[ "$(sysctl -n {" ".join(KERNEL)})" = {shlex.quote(kernel.strip())} ]',
            "names=$(docker ps --format '{{.Names}}')",
            *(f"case $names in *{name}*) ;; *) exit 1 ;; esac" for name in SERVICES),
        )
    )


def _files(node: Node) -> str:
    return node.run(f"stat -c '%n %Y %a %s' {COMPOSE} {DOTENV} {' '.join(FILES)}")
