"""The fragment that looks at the machine itself."""

import hashlib
import shutil
import time
from pathlib import Path

from scripts.run import Node, fragment, plain


def test_what_a_host_says_of_itself(bare: Node) -> None:
    found = fragment(bare, "host", f"{bare.app}\n".encode())
    assert abs(int(found["time"][0][0]) - time.time()) < 60
    assert 0 < int(found["boot"][0][0]) < int(found["time"][0][0])
    assert int(found["cpus"][0][0]) > 0
    assert 0 < int(found["memAvailable"][0][0]) < int(found["memTotal"][0][0])
    assert float(found["load"][0][0]) >= 0
    assert found["etc"] in ([["rw"]], [["ro"]])
    assert found["arch"][0][0]
    assert found["kernel"] == [[Path("/proc/sys/kernel/osrelease").read_text().strip()]]
    assert plain(found["os"][0][0]) in Path("/etc/os-release").read_text()
    machine = Path("/etc/machine-id").read_bytes()
    sum_ = hashlib.sha256(machine).hexdigest()[:16] if machine else "-"
    assert found["machine"] == [[sum_]]
    assert (found["owner"], found["fence"]) == ([["-"]], [["-"]])


def test_the_boot_does_not_move(bare: Node) -> None:
    assert len({fragment(bare, "host", b"/\n")["boot"][0][0] for _ in range(5)}) == 1


def test_the_owner_and_the_fence(node: Node) -> None:
    found = fragment(node, "host", b"/\n")
    assert found["owner"] == [["inst-1", "edge/node-1"]]
    assert found["fence"] == [["1", "proc-1"]]
    (node.state / "owner").write_text("a b c\n")
    (node.state / "fence").write_text("")
    found = fragment(node, "host", b"/\n")
    assert (found["owner"], found["fence"]) == ([["?", "?"]], [["?", "?"]])


def disks(node: Node, directory: Path) -> dict[str, tuple[int, int]]:
    lines = fragment(node, "host", f"{directory}\n".encode())["disk"]
    return {plain(p): (int(total), int(used)) for p, total, used in lines}


def test_one_line_per_file_system(node: Node, small: Path) -> None:
    (small / "half").write_bytes(b"x" * 512_000)
    found = disks(node, small / "not/yet/there")
    assert found[str(small)] == (1024, 49) or found[str(small)] == (1024, 50)
    usage = shutil.disk_usage("/")
    assert abs(found["/"][0] - usage.total // 1024) < 1024
    assert len(disks(node, Path("/"))) == len(found) - 1


def test_a_read_only_etc(bare: Node) -> None:
    def etc(before: str) -> str:
        return fragment(bare, "host", b"/\n", unshared=before)["etc"][0][0]

    bind = "mount --bind /etc /etc || exit 99; "
    assert etc(bind) == "rw"
    assert etc(f"{bind} mount -o remount,bind,ro /etc || exit 99; ") == "ro"
