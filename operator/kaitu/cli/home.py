"""What kaituctl keeps on this machine: small private files, written whole, by one at a time."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kaitu.cli.usage import UsageError


def folder() -> Path:
    """Where it is kept, as the XDG base directories have it."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "kaitu"


@contextmanager
def locked() -> Iterator[None]:
    """Between a read and the write that follows from it; the folder is there from then on."""
    try:
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(folder() / "lock", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(f"{folder()}: {error.strerror}; the state must be kept there") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def read(name: str) -> str | None:
    """The text of a file; None where there is none."""
    try:
        return (folder() / name).read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{folder() / name} cannot be read") from None


def write(name: str, text: str) -> None:
    """Whole or not at all, also when the power fails; only its owner may read it."""
    try:
        _replace(folder() / name, text)
    except OSError as error:
        raise UsageError(f"{folder() / name}: {error.strerror}; it was left as it was") from None


def _replace(file: Path, text: str) -> None:
    fd, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    try:
        with os.fdopen(fd, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    _flush(file.parent)


def _flush(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
