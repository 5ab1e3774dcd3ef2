"""tree.py COMMAND...: run it, end what it leaves behind, and print what the whole tree has cost.

A process that detaches itself becomes our child by PR_SET_CHILD_SUBREAPER, so that its CPU counts.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

SUBREAPER = 36


def main(argv: list[str]) -> int:
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    before, began = _used(), time.monotonic()
    code = subprocess.run(argv, stdout=sys.stderr, check=False).returncode
    took = time.monotonic() - began
    for child in _children():
        os.kill(child, signal.SIGTERM)
    _reap()
    print(json.dumps({"code": code, "wall": took, "cpu": _used() - before}))
    return 0


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _children() -> list[int]:
    """By the parent that each process names: not every kernel keeps a list of children."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            stat = path.read_text()
            if int(stat.rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(stat.partition(" ")[0]))
    return found


def _reap() -> None:
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
