"""Programs of another architecture on this machine: Debian's emulator, which the kernel calls."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.command import run
from lab.packages import need
from lab.steps import LabError, say

KERNEL = Path("/proc/sys/fs/binfmt_misc")
NAME = "qemu-aarch64"
EMULATOR = "/usr/bin/qemu-aarch64-static"
# ELF, 64 bit, little endian, an executable or a shared object (the mask), for machine 0xb7.
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


@contextmanager
def arm64() -> Iterator[None]:
    """While this is open, arm64 programs run, also in containers that have no emulator."""
    if platform.machine() == "aarch64":
        say("this machine is arm64 itself: nothing is emulated")
        yield
        return
    need(EMULATOR, "arch-test", package="qemu-user-static arch-test")
    with _mounted(), _registered():
        yield


@contextmanager
def _mounted() -> Iterator[None]:
    """The kernel's list of formats, unmounted again if it was not there."""
    if (KERNEL / "register").exists():
        yield
        return
    run("mount", "-t", "binfmt_misc", "binfmt_misc", str(KERNEL))
    try:
        yield
    finally:
        run("umount", str(KERNEL))


@contextmanager
def _registered() -> Iterator[None]:
    """F: the kernel opens the emulator now, and needs no path to it later."""
    entry = KERNEL / NAME
    if entry.exists():
        yield
        return
    try:
        (KERNEL / "register").write_text(f":{NAME}:M::{MAGIC}:{MASK}:{EMULATOR}:OCF")
    except OSError as error:
        raise LabError(f"the kernel takes no emulator here ({error}): be root") from None
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            entry.write_text("-1")
