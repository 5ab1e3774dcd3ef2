"""The fragment ``host``: read as its script prints it, and anything else refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.core.aspect import Answer
from kaitu.core.errors import UnparsableError
from kaitu.core.facts import Disk, HostFacts, parse_host

LINES = (
    *("time\t1000", "boot\t900", "os\tRGViaWFu", "kernel\t6.1", "arch\tx86_64", "cpus\t2"),
    *("memTotal\t2048", "memAvailable\t1024", "load\t0.10", "etc\trw"),
    *("disk\tLw==\t1000\t10", "ipv6\t2001:DB8::1"),
    *("owner\tinst\tfleet/node-1", "fence\t7\tp1", "machine\tabc"),
)


def parsed(*lines: str) -> HostFacts:
    return parse_host(Answer(0, "".join(f"{line}\n" for line in lines).encode()))


def changed(line: str) -> HostFacts:
    """All lines, with this one in the place of those of its name."""
    name = line.partition("\t")[0]
    return parsed(*(one for one in LINES if not one.startswith(f"{name}\t")), line)


def test_a_machine() -> None:
    assert parsed(*LINES) == HostFacts(
        time=1000,
        boot=900,
        os="Debian",
        kernel="6.1",
        arch="x86_64",
        cpus=2,
        memory_total_bytes=2048 * 1024,
        memory_available_bytes=1024 * 1024,
        load=0.1,
        etc_writable=True,
        disks=(Disk("/", 1000 * 1024, 10),),
        ipv6=("2001:db8::1",),
        owner=("inst", "fleet/node-1"),
        fence=(7, "p1"),
        machine="abc",
    )


def test_a_machine_that_nobody_owns() -> None:
    assert changed("owner\t-").owner is None
    assert changed("fence\t-").fence is None


def test_a_record_that_is_not_ours_is_somebodys() -> None:
    """No line that a script of ours wrote: then the node is not taken for free."""
    assert changed("owner\t?\t?").owner == ("?", "?")
    assert changed("fence\t?\t?").fence == (-1, "?")


def test_many_disks_and_no_address() -> None:
    lines = [line for line in LINES if not line.startswith("ipv6")]
    seen = parsed(*lines, "disk\tL2FwcHM=\t5\t100")

    assert [disk.mount for disk in seen.disks] == ["/", "/apps"]
    assert seen.ipv6 == ()
    assert not changed("etc\tro").etc_writable


@pytest.mark.parametrize("line", [line for line in LINES if line[:4] not in {"disk", "ipv6"}])
def test_a_line_that_is_missing_or_twice(line: str) -> None:
    with pytest.raises(UnparsableError):
        parsed(*(one for one in LINES if one != line))
    with pytest.raises(UnparsableError):
        parsed(*LINES, line)


@pytest.mark.parametrize(
    "line",
    [
        "time\tnow",
        "time\t1\t2",
        "cpus\t-1",
        "cpus\t\u0662",
        "load\tmuch",
        "load\tnan",
        "etc\tmaybe",
        "disk\tLw==\t1000",
        "disk\t/\t1\t1",
        "ipv6\t10.0.0.1",
        "owner\tinst",
        "owner\ta\tb\tc",
        "fence\tx\tp1",
        "news\t1",
        "",
    ],
)
def test_a_line_that_is_not_as_it_must_be(line: str) -> None:
    with pytest.raises(UnparsableError):
        changed(line)


@given(st.lists(st.sampled_from([*LINES, "disk", "owner\t-", "time\t", "x"]), max_size=20))
def test_no_lines_are_a_defect(lines: list[str]) -> None:
    with contextlib.suppress(UnparsableError):
        parsed(*lines)
