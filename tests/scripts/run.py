"""Runs a command of the catalogue as on a node: the same command line, the same bytes on stdin."""

import base64
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from kaitu.core.command import CATALOGUE, Command
from kaitu.core.text import digest, uncoded
from kaitu.remote import loader

SHELLS: Final = {"dash": "dash", "bash": "bash", "busybox": "busybox"}
SCRIPTS: Final = Path(loader.__file__).parent.parent / "scripts"
GUARD: Final = ("inst-1", "edge/node-1", "1", "proc-1")
MARK: Final = b"# kaitu-operator: written from the KaituNode, changes here are undone\n"
NONCE: Final = "0123456789abcdef"
FRAME: Final = re.compile(
    rb"KNP1 (?P<nonce>[0-9a-f]+) (?P<length>\d+) (?P<seal>[0-9a-f]{64})\n"
    rb"(?P<payload>[^\n]*)\n"
    rb"KNP1 (?P=nonce) END\n"
)


def unframe(out: bytes) -> dict[str, Any]:
    """The payload of a frame that is right in every part; AssertionError otherwise."""
    found = FRAME.fullmatch(out)
    assert found, out
    payload = found["payload"]
    assert found["nonce"].decode() == NONCE
    assert int(found["length"]) == len(payload)
    assert found["seal"].decode() == digest(NONCE.encode() + payload)
    answer = json.loads(payload)
    assert isinstance(answer, dict)
    return answer


@dataclass(frozen=True)
class Node:
    """A directory that stands for a node, and the shell that is its `sh`."""

    root: Path
    shell: str
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def app(self) -> Path:
        return self.root / "app"

    def prepare(self) -> "Node":
        program = shutil.which(SHELLS[self.shell])
        assert program, f"the tests need {self.shell}"
        (self.root / "bin").mkdir()
        (self.root / "bin/sh").symlink_to(program)
        self.app.mkdir(mode=0o755)
        return self

    def environment(self) -> dict[str, str]:
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        return {"PATH": path, "KAITU_STATE": str(self.state), **self.environ}

    def start(
        self, command: Command, text: str = "", guard: tuple[str, ...] = GUARD, unshared: str = ""
    ) -> "subprocess.Popen[bytes]":
        """Start it in a process group of its own.

        `text` stands in for the catalogued script; `unshared` is run before it, and what that
        mounts or sets is of this command alone.
        """
        script = CATALOGUE[command.script]
        words = (NONCE, *(guard if script.writes else ()), *command.words)
        text = text or loader.script_text(command.script)
        line = loader.command_line(text, script, words)
        process = subprocess.Popen(
            [*(("unshare", "-mn") if unshared else ()), "/bin/sh", "-c", f"{unshared}exec {line}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
            start_new_session=True,
        )
        assert process.stdin
        process.stdin.write(
            text.encode() + command.data
        )  # small enough for the pipe, so this waits for nobody
        process.stdin.close()
        process.stdin = None
        return process

    def answer(self, command: Command, **more: Any) -> dict[str, Any]:
        process = self.start(command, **more)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")
        return unframe(out)

    def code(self, command: Command, **more: Any) -> str:
        answer = self.answer(command, **more)
        assert set(answer) == {"code", "detail"}, answer
        return str(answer["code"])

    def claimed(self) -> "Node":
        """Ours, as a claim leaves it (test_guard.py tests the claim itself)."""
        self.state.mkdir(mode=0o700)
        installation, name, counter, process = GUARD
        (self.state / "owner").write_text(f"{installation} {name}\n")
        (self.state / "fence").write_text(f"{counter} {process}\n")
        (self.state / "lock").touch(0o600)
        return self


def joined(*parts: str) -> str:
    """Script text of some parts, for what the catalogue does not have on its own."""
    return "".join((SCRIPTS / part).read_text() for part in parts)


def without(script: str, *guards: str) -> str:
    """The script with guards taken out: a refusal (`finish …`) becomes `:`, other text goes."""
    text = loader.script_text(script)
    for guard in guards:
        assert guard in text, f"{guard!r} is not in {script}"
        text = text.replace(guard, ":" if guard.startswith("finish") else "")
    return text


def put(path: Path, content: bytes, expected: str = "any", *more: str, **changed: Any) -> Command:
    """A put_file command; `changed` may lie about the mode, the sha, the size."""
    words = {"mode": "644", "sha": digest(content), "size": len(content), **changed}
    name = str(words.get("target", path))
    head = (name, str(words["mode"]), str(words["sha"]), str(words["size"]), expected)
    return Command("put_file", (*head, *more), content)


def env(directory: Path, lines: bytes, *protected: str) -> Command:
    return Command("merge_env", (str(directory), str(len(lines)), *protected), lines)


def plain(field: str) -> str:
    """What a field of a fragment says, as fields.sh tells it."""
    return uncoded(field, "a field").decode()


def fragment(node: Node, name: str, data: bytes, **more: Any) -> dict[str, list[list[str]]]:
    """What one fragment of the probe says: first field to the rest of the fields, per line."""
    text = joined("frame.sh", "fields.sh", f"probe_{name}.sh", "probe.sh")
    answer = node.answer(Command("probe", (f"{name}:{len(data)}",), data), text=text, **more)
    found = answer["fragments"][name]
    assert found["rc"] == 0
    lines: dict[str, list[list[str]]] = {}
    for line in base64.b64decode(found["out"]).decode().splitlines():
        first, *rest = line.split("\t")
        lines.setdefault(first, []).append(rest)
    return lines


TOOLS: Final = (
    *("awk", "base64", "cat", "chmod", "chown", "cp", "cut", "date", "dd", "df", "false", "flock"),
    *("head", "id", "ip", "ln", "mkdir", "mktemp", "mv", "od", "perl", "rm", "sha256sum", "stat"),
    *("sync", "timeout", "tr", "uname", "wc"),
)


def toolbox(node: Node, *missing: str, **shims: str) -> Node:
    """The node with a PATH of its own: some tools missing, some replaced by a script."""
    box = node.root / "box"
    box.mkdir()
    for tool in {*TOOLS, *shims}:
        found = shutil.which(tool)
        assert found, f"the tests need {tool}"
        if tool in shims:
            (box / tool).write_text(f"#!/bin/sh\n{shims[tool].replace('REAL', found)}\n")
            (box / tool).chmod(0o755)
        elif tool not in missing:
            (box / tool).symlink_to(found)
    return replace(node, environ={"KAITU_PATH": str(box)})


def etc(node: Node) -> str:
    """Shell text that gives the command /etc/cron.d and /etc/sysctl.d of its own."""
    for name in ("cron.d", "sysctl.d"):
        (node.root / name).mkdir(exist_ok=True)
    mounts = " && ".join(
        f"mount --bind {node.root / name} /etc/{name}" for name in ("cron.d", "sysctl.d")
    )
    return f"{mounts} || exit 99; "
