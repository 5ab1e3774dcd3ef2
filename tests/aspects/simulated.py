"""A simulated machine: what the write scripts do to it, and what the probe then says. No node."""

import base64
from dataclasses import dataclass, field
from typing import Any

from kaitu.aspects.cron import FOLDER
from kaitu.aspects.sysctl import DROP_IN
from kaitu.core.aspect import Answer, Aspect
from kaitu.core.command import Command
from kaitu.core.plan import Plan
from kaitu.core.text import MARK, digest

USERS = frozenset({"root", "nobody"})


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class File:
    content: bytes
    mode: str = "644"
    owner: str = "0:0"

    @property
    def ours(self) -> bool:
        return self.content.split(b"\n")[0].decode() == MARK


@dataclass
class Machine:
    """Files by path, kernel settings by key, and .env as lines of names and written values."""

    files: dict[str, File] = field(default_factory=dict)
    kernel: dict[str, str] = field(default_factory=dict)
    env: list[tuple[str, str]] = field(default_factory=list)
    daemon: str = "active"

    def converge(self, aspect: Aspect[Any, Any, Any], want: Any) -> tuple[Plan, Plan]:
        """Look, do, and look again: the plan, and the one after it."""
        first = aspect.plan(want, self.facts(aspect, want))
        for step in first:
            self.do(step.command)
        return first, aspect.plan(want, self.facts(aspect, want))

    def facts(self, aspect: Aspect[Any, Any, Any], want: Any) -> Any:
        asked = aspect.probe(want).fragments[aspect.name].decode().split("\n")[:-1]
        lines = getattr(self, f"_{aspect.name}")(asked)
        out = "".join("\t".join(line) + "\n" for line in lines).encode()
        return aspect.parse({aspect.name: Answer(0, out)}, {})

    def do(self, command: Command) -> None:
        getattr(self, f"_do_{command.script}")(command.data, *command.words)

    # what the probe says

    def _sysctl(self, keys: list[str]) -> list[list[str]]:
        lines = [
            ["running", key, b64(self.kernel[key].encode())]
            if key in self.kernel
            else ["absent", key]
            for key in keys
        ]
        file = self.files.get(DROP_IN)
        if file is None:
            return [*lines, ["dropin", "-"]]
        if not file.ours:
            return [*lines, ["dropin", "foreign"]]
        return [*lines, ["dropin", b64(file.content), file.mode]]

    def _cron(self, users: list[str]) -> list[list[str]]:
        known = [["user", user, "yes" if user in USERS else "no"] for user in users]
        files = [
            [
                *("file", b64(path.rpartition("/")[2].encode()), file.mode, file.owner),
                *(("ours", digest(file.content)) if file.ours else ("foreign", "-")),
            ]
            for path, file in self.files.items()
            if path.startswith(f"{FOLDER}/kaitu-")
        ]
        return [["daemon", self.daemon], *known, *files]

    def _env(self, asked: list[str]) -> list[list[str]]:
        wanted = dict(line.split("=", 1) for line in asked[1:])
        states = [["state", name, self._state(name, value)] for name, value in wanted.items()]
        return [["file", "present"], ["protected", "1", "yes"], ["unclosed", "no"], *states]

    def _state(self, name: str, value: str) -> str:
        found = [written for key, written in self.env if key == name]
        if len(found) > 1:
            return "duplicate"
        if not found:
            return "missing"
        return "same" if found[0].strip("'") == value else "differs"

    # what the write scripts do

    def _do_put_file(self, data: bytes, path: str, mode: str, sha: str, *rest: str) -> None:
        size, expected, *_ = rest
        file = self.files.get(path)
        assert (digest(data), str(len(data))) == (sha, size)
        assert expected == (digest(file.content) if file else "absent")
        assert file is None or file.ours
        self.files[path] = File(data, mode)
        assert self.files[path].ours

    def _do_remove_file(self, data: bytes, path: str, expected: str) -> None:
        file = self.files.pop(path)
        assert not data
        assert file.ours
        assert digest(file.content) == expected

    def _do_set_sysctl(self, data: bytes, size: str) -> None:
        assert str(len(data)) == size
        for line in data.decode().splitlines():
            key, value = line.split("=", 1)
            assert key in self.kernel
            self.kernel[key] = value.replace(" ", "\t")

    def _do_merge_env(self, data: bytes, directory: str, size: str, *_: str) -> None:
        assert str(len(data)) == size
        assert directory.startswith("/")
        for line in data.decode().split("\n")[:-1]:
            name, value = line.split("=", 1)
            self.env = [(key, written) for key, written in self.env if key != name]
            self.env.append((name, value))
