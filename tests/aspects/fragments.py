"""Runs one fragment of the probe alone, under each kind of shell, on a machine in a folder."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kaitu.core.aspect import Answer

SCRIPTS = Path(__file__).resolve().parents[2] / "operator/kaitu/scripts"
SHELLS = {
    "dash": ("dash",),
    "bash": ("bash", "--posix"),
    "busybox": ("busybox", "sh"),
}
APPLETS = (
    *("awk", "base64", "cat", "cut", "grep", "head", "id", "readlink"),
    *("sed", "sha256sum", "sort", "stat", "tail", "tr", "wc"),
)
FILES = ("fields.sh", "probe_sysctl.sh", "probe_cron.sh", "probe_env.sh")


@dataclass(frozen=True)
class Shell:
    """One kind of node: its shell, and where its tools are."""

    name: str
    path: str

    def probe(self, fragment: str, data: bytes, root: Path) -> Answer:
        """What ``probe_<fragment>`` prints for the machine whose root is ``root``."""
        script = "".join((SCRIPTS / file).read_text() for file in FILES)
        program, *options = SHELLS[self.name]
        done = subprocess.run(
            [
                str(shutil.which(program)),
                *options,
                "-c",
                f"set -u\numask 077\n{script}\nprobe_{fragment}",
            ],
            input=data,
            capture_output=True,
            env={"PATH": self.path, "LC_ALL": "C", "KAITU_ROOT": str(root)},
            check=False,
            timeout=60,
        )
        assert done.stderr == b"", done.stderr
        return Answer(done.returncode, done.stdout)


def shell(name: str, folder: Path) -> Shell:
    """The shell of this name; busybox brings its own awk, sed, stat and the rest."""
    if name != "busybox":
        return Shell(name, os.defpath)
    for applet in (*APPLETS, "busybox"):
        (folder / applet).symlink_to("/usr/bin/busybox")
    return Shell(name, str(folder))


def write(root: Path, files: dict[str, str]) -> None:
    """Lay out files, by path from the root; their folders come with them."""
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
