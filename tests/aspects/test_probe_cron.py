"""probe_cron.sh under every shell, on machines in folders."""

from pathlib import Path

from aspects.fragments import Shell, write
from kaitu.aspects import cron
from kaitu.aspects.cron import CronFacts, CronFile
from kaitu.core.text import MARK, digest

CANARY = "canary-5f21"


def probed(shell: Shell, root: Path, *users: str) -> CronFacts:
    data = "".join(f"{user}\n" for user in users).encode()
    return cron.parse({"cron": shell.probe("cron", data, root)}, {})


def process(root: Path, pid: int, comm: str, *, namespace: str = "pid:[1]") -> Path:
    """One process of the machine; /proc/self is a process, too."""
    folder = root / "proc" / str(pid)
    (folder / "ns").mkdir(parents=True)
    (folder / "comm").write_text(f"{comm}\n")
    (root / namespace).touch()
    (folder / "ns/pid").symlink_to(root / namespace)
    if not (root / "proc/self").is_symlink():
        (root / "proc/self").symlink_to(str(pid))
    return folder


def program(root: Path, path: str) -> None:
    write(root, {path: ""})
    (root / path).chmod(0o755)


def test_no_cron_at_all(shell: Shell, root: Path) -> None:
    process(root, 1, "systemd")

    assert probed(shell, root) == CronFacts("missing", {}, {})


def test_cron_is_there_and_does_not_run(shell: Shell, root: Path) -> None:
    process(root, 1, "systemd")
    program(root, "usr/sbin/cron")

    assert probed(shell, root).daemon == "down"


def test_cron_runs_under_either_name(shell: Shell, root: Path) -> None:
    process(root, 1, "systemd")
    process(root, 77, "crond")
    assert probed(shell, root).daemon == "active"

    (root / "proc/77/comm").write_text("cron\n")
    assert probed(shell, root).daemon == "active"


def test_the_cron_of_a_container_and_that_of_busybox_do_not_count(
    shell: Shell, root: Path
) -> None:
    process(root, 1, "systemd")
    process(root, 77, "cron", namespace="pid:[2]")
    write(root, {"bin/busybox": ""})
    (process(root, 78, "crond") / "exe").symlink_to(root / "bin/busybox")
    (root / "usr/sbin").mkdir(parents=True)
    (root / "bin/busybox").chmod(0o755)
    (root / "usr/sbin/crond").symlink_to(root / "bin/busybox")

    assert probed(shell, root).daemon == "missing"


def test_users_are_asked_of_the_system(shell: Shell, root: Path) -> None:
    users = probed(shell, root, "root", "no-such-user", "0", "-u").users

    assert users == {"root": True, "no-such-user": False, "0": False, "-u": False}


def test_a_file_is_ours_by_its_first_line(shell: Shell, root: Path) -> None:
    text = f"{MARK}\n* * * * * root true\n"
    write(root, {"etc/cron.d/kaitu-a": text, "etc/cron.d/other": text})
    write(root, {"etc/cron.d/kaitu-b": f"* * * * * root true\n{MARK}\n"})
    (root / "etc/cron.d/kaitu-a").chmod(0o600)

    facts = probed(shell, root)

    assert facts.files == {"kaitu-a": CronFile(digest(text.encode()), "600", "0:0")}
    assert facts.foreign == ("kaitu-b",)


def test_what_is_no_plain_file_is_foreign(shell: Shell, root: Path) -> None:
    write(root, {"elsewhere": f"{MARK}\n", "etc/cron.d/kaitu-empty": ""})
    (root / "etc/cron.d/kaitu-link").symlink_to(root / "elsewhere")
    (root / "etc/cron.d/kaitu-gone").symlink_to(root / "nowhere")
    (root / "etc/cron.d/kaitu-dir").mkdir()

    facts = probed(shell, root)

    assert facts.files == {}
    assert sorted(facts.foreign) == ["kaitu-dir", "kaitu-empty", "kaitu-gone", "kaitu-link"]


def test_ours_under_a_name_that_no_command_can_hold_is_reported(shell: Shell, root: Path) -> None:
    write(root, {"etc/cron.d/kaitu-a b\tours\nx": f"{MARK}\n"})

    assert probed(shell, root).foreign == ("kaitu-a b\tours\nx",)


def test_what_files_hold_stays_on_the_node(shell: Shell, root: Path) -> None:
    write(root, {"etc/cron.d/kaitu-a": f"{MARK}\n* * * * * root curl -u {CANARY}\n"})
    write(root, {"etc/cron.d/kaitu-b": f"* * * * * root curl -u {CANARY}\n"})

    out = shell.probe("cron", b"root\n", root).out

    assert out.count(b"file\t") == 2
    assert CANARY.encode() not in out
