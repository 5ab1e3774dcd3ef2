"""Where the lab keeps what is slow to make, and how two runs make it only once."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def root() -> Path:
    """KAITU_LAB_CACHE, or the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(os.environ.get("KAITU_LAB_CACHE") or home / "kaitu-lab")
    path.mkdir(parents=True, exist_ok=True)
    return path


def shared() -> Path:
    """What all runs on this machine share for as long as one of them lives: locks and sockets."""
    path = Path("/run/kaitu-lab") if os.geteuid() == 0 else Path(f"/tmp/kaitu-lab-{os.geteuid()}")
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def digest(*parts: str | bytes) -> str:
    """A short name for these contents: a cached thing is used again only if nothing changed."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:12]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; the kernel frees it also when the holder is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
