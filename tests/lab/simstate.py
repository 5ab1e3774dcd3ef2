"""What one simulated node keeps and says: see ``lab.simnode``."""

import base64
import secrets
import subprocess
import tempfile
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from kaitu.aspects.sysctl import render
from kaitu.core.aspect import Answer
from kaitu.core.command import Command
from kaitu.core.sections.sysctl import SysctlSpec
from kaitu.remote import frame
from kaitu.remote.loader import argv, payload
from lab.sim import FIRST, wanted

PLACE: Final = b"/apps/kaitu-slave\n"
DOCKER: Final = """#!/bin/sh
case $1 in
version) echo 28.0.1 ;;
compose) echo 2.39.1 ;;
esac
"""
IN_ORDER: Final = render(SysctlSpec.model_validate(wanted(FIRST)))


def record() -> dict[str, Answer]:
    """The fragments that are the same on all nodes, from the real probe on this machine."""
    fragments = dict.fromkeys(("host", "docker"), PLACE)
    command = Command(
        "probe", tuple(f"{k}:{len(v)}" for k, v in fragments.items()), b"".join(fragments.values())
    )
    nonce = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as folder:
        docker = Path(folder, "docker")
        docker.write_text(DOCKER)
        docker.chmod(0o755)
        environ = {"KAITU_PATH": f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin", "KAITU_STATE": folder}
        line = argv(command, nonce, (), sudo=False)
        done = subprocess.run(
            ("sh", "-c", line),
            input=payload(command),
            capture_output=True,
            env=environ,
            check=True,
        )
    return frame.fragments(frame.parse(done.stdout, nonce), fragments.keys())


@dataclass(slots=True)
class State:
    """What a node keeps: who owns it, who wrote last, and the one file."""

    address: str
    owner: str = "-"
    fence: str = "-"
    file: bytes = IN_ORDER
    mode: str = "644"

    def host(self, recorded: bytes) -> bytes:
        """The recorded machine with this node's own lines."""
        own = {"owner": self.owner, "fence": self.fence, "time": str(int(time.time()))}
        own["machine"] = sha256(self.address.encode()).hexdigest()[:16]
        lines = (line.partition("\t") for line in recorded.decode().splitlines())
        return "".join(f"{k}\t{own.get(k, v)}\n" for k, _, v in lines).encode()

    def sysctl(self, keys: bytes) -> bytes:
        """No key exists in this kernel; the file is as it was written."""
        absent = "".join(f"absent\t{key}\n" for key in keys.decode().splitlines())
        return f"{absent}dropin\t{base64.b64encode(self.file).decode()}\t{self.mode}\n".encode()

    def claim(self, guard: list[str], _words: list[str], _data: bytes) -> str:
        if self.owner not in {"-", f"{guard[0]}\t{guard[1]}"}:
            return "EOWNER"
        self.owner = f"{guard[0]}\t{guard[1]}"
        return self.fenced(guard) or "OK"

    def fenced(self, guard: list[str]) -> str:
        """As guard.sh: a lower counter is refused, and the same one of another process."""
        if self.fence != "-":
            counter, holder = self.fence.split("\t")
            if int(guard[2]) < int(counter) or (guard[2] == counter and guard[3] != holder):
                print("refused", self.address, guard[2], counter, flush=True)
                return "EFENCED"
        self.fence = f"{guard[2]}\t{guard[3]}"
        return ""

    def put_file(self, guard: list[str], words: list[str], data: bytes) -> str:
        if self.owner != f"{guard[0]}\t{guard[1]}":
            return "ENOOWNER"
        if refused := self.fenced(guard):
            return refused
        _, self.mode, wanted, _, expected, *_ = words
        if expected not in {"any", sha256(self.file).hexdigest()}:
            return "ECONFLICT"
        if sha256(data).hexdigest() != wanted:
            return "EDIGEST"
        self.file = data
        last = data.decode().split()[-1]
        print("applied", self.address, last, f"{time.time():.6f}", *guard[2:], flush=True)
        return "OK"


WRITES: Final = {"claim": State.claim, "put_file": State.put_file}
