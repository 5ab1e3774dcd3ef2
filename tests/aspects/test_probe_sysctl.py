"""probe_sysctl.sh under every shell, on machines in folders."""

from pathlib import Path

from aspects.fragments import SCRIPTS, Shell, write
from kaitu.aspects import sysctl
from kaitu.aspects.sysctl import Later, SysctlFacts
from kaitu.core.text import MARK

SOMAXCONN = "net.core.somaxconn"
RMEM = "net.ipv4.tcp_rmem"


def probed(shell: Shell, root: Path, *keys: str) -> SysctlFacts:
    data = "".join(f"{key}\n" for key in keys).encode()
    return sysctl.parse({"sysctl": shell.probe("sysctl", data, root)}, {})


def test_running_values_come_whole_and_zero_is_one(shell: Shell, root: Path) -> None:
    write(root, {f"proc/sys/{RMEM.replace('.', '/')}": "4096\t131072\t6291456\n"})
    write(root, {"proc/sys/net/ipv4/ip_forward": "0\n", "proc/sys/kernel/empty": "\n"})

    facts = probed(shell, root, RMEM, "net.ipv4.ip_forward", "kernel.empty", "net.core.nothing")

    assert facts.running == {
        RMEM: "4096 131072 6291456",
        "net.ipv4.ip_forward": "0",
        "kernel.empty": "",
        "net.core.nothing": None,
    }


def test_a_folder_and_a_path_that_climbs_are_no_keys(shell: Shell, root: Path) -> None:
    write(root, {"proc/sys/net/core/somaxconn": "1\n", "proc/sys/kernel/secret": "2\n"})

    facts = probed(
        shell, root, "net.core", "kernel/secret", "net/../kernel/secret", "net...kernel.secret"
    )

    assert set(facts.running.values()) == {None}


def test_a_node_without_files_has_no_drop_in(shell: Shell, root: Path) -> None:
    assert probed(shell, root, SOMAXCONN) == SysctlFacts({SOMAXCONN: None})


def test_our_drop_in_comes_byte_for_byte(shell: Shell, root: Path) -> None:
    text = f"{MARK}\n{SOMAXCONN} = 4096\n\n\n"
    write(root, {sysctl.DROP_IN: text})
    (root / sysctl.DROP_IN.lstrip("/")).chmod(0o640)

    facts = probed(shell, root)

    assert facts.drop_in == sysctl.DropIn(text.encode(), "640")
    assert not facts.foreign


def test_what_lies_at_our_path_without_our_mark_is_foreign(shell: Shell, root: Path) -> None:
    path = root / sysctl.DROP_IN.lstrip("/")
    for text in ("", f"{SOMAXCONN} = 1\n", f"\n{MARK}\n", f"{MARK} \n", f"{MARK}\n" * 5000):
        write(root, {sysctl.DROP_IN: text})
        assert probed(shell, root).foreign, text[:80]

    write(root, {"elsewhere": f"{MARK}\n"})
    path.unlink()
    path.symlink_to(root / "elsewhere")
    assert probed(shell, root).foreign

    path.unlink()
    path.mkdir()
    assert probed(shell, root).foreign


def test_only_what_is_applied_after_our_file_can_win(shell: Shell, root: Path) -> None:
    (root / "run/systemd/system").mkdir(parents=True)
    write(root, {"etc/sysctl.d/99-sysctl.conf": f"{SOMAXCONN}=1\n"})
    write(root, {sysctl.DROP_IN: f"{MARK}\n{SOMAXCONN}=0\n"})
    assert probed(shell, root, SOMAXCONN).later == {}
    write(root, {"usr/lib/sysctl.d/zz-vendor.conf": f"{SOMAXCONN} = 2\n"})
    write(root, {"run/sysctl.d/a.conf": f"{SOMAXCONN} = 3\n", "etc/sysctl.conf": f"{SOMAXCONN}=4"})
    write(root, {"etc/sysctl.d/zz-notes.txt": f"{SOMAXCONN} = 5\n"})

    later = probed(shell, root, SOMAXCONN).later

    assert later == {SOMAXCONN: Later("/usr/lib/sysctl.d/zz-vendor.conf", "2")}


def test_of_files_with_one_name_the_first_directory_wins(shell: Shell, root: Path) -> None:
    (root / "run/systemd/system").mkdir(parents=True)
    write(root, {"usr/lib/sysctl.d/z.conf": f"{SOMAXCONN} = 1\n", "run/sysctl.d/z.conf": "\n"})
    write(root, {"run/sysctl.d/y.conf": f"{SOMAXCONN} = 3\n", "etc/sysctl.d/y.conf": "\n"})
    write(root, {"usr/lib/sysctl.d/zz.conf": f"{SOMAXCONN} = 2\n"})
    (root / "etc/sysctl.d/zz.conf").symlink_to("/dev/null")

    assert probed(shell, root, SOMAXCONN).later == {}


def test_without_systemd_the_old_file_is_last(shell: Shell, root: Path) -> None:
    write(root, {"etc/sysctl.conf": f"{SOMAXCONN}=4", "etc/sysctl.d/zz.conf": f"{SOMAXCONN}=5\n"})

    assert probed(shell, root, SOMAXCONN).later == {SOMAXCONN: Later("/etc/sysctl.conf", "4")}


def test_a_link_in_the_folder_counts_by_its_own_name(shell: Shell, root: Path) -> None:
    (root / "run/systemd/system").mkdir(parents=True)
    write(root, {"etc/sysctl.conf": f"{SOMAXCONN}=4\n"})
    (root / "etc/sysctl.d").mkdir()
    (root / "etc/sysctl.d/zz.conf").symlink_to("../sysctl.conf")

    assert probed(shell, root, SOMAXCONN).later == {SOMAXCONN: Later("/etc/sysctl.d/zz.conf", "4")}


def test_every_spelling_of_a_setting_is_understood(shell: Shell, root: Path) -> None:
    spellings = {
        f"{SOMAXCONN}=7": "7",
        f"  {SOMAXCONN}\t =  7 8\t9  ": "7 8 9",
        f"-{SOMAXCONN} = 7": "7",
        "net/core/somaxconn = 7": "7",
        f"- net/core/somaxconn=7\n{SOMAXCONN} = 0": "0",
        f"{SOMAXCONN} =": "",
        f"{SOMAXCONN} = a=b": "a=b",
        f"#{SOMAXCONN} = 7": None,
        f"; {SOMAXCONN} = 7": None,
        f"{SOMAXCONN}": None,
        f"-{SOMAXCONN}": None,
        "net.core.* = 7": None,
        "net.core/somaxconn = 7": None,
        f"{SOMAXCONN}x = 7": None,
        " = 7": None,
    }
    for text, value in spellings.items():
        write(root, {"etc/sysctl.d/zz.conf": text})
        later = probed(shell, root, SOMAXCONN).later
        assert (later[SOMAXCONN].value if later else None) == value, text


def test_odd_bytes_and_names_do_not_mislead(shell: Shell, root: Path) -> None:
    write(root, {"etc/sysctl.d/zz a.conf": f"{SOMAXCONN}=1\n"})
    write(root, {"etc/sysctl.d/zz\nrunning\tx.conf": f"{SOMAXCONN}=1\n"})
    write(root, {"etc/sysctl.d/zz.conf": f"\t\\n%s$(id)\n{SOMAXCONN}= \\t%d é\n\n"})

    facts = probed(shell, root, SOMAXCONN)

    assert facts == SysctlFacts(
        {SOMAXCONN: None}, later={SOMAXCONN: Later("/etc/sysctl.d/zz.conf", "\\t%d é")}
    )


def test_the_script_knows_our_mark() -> None:
    assert f"probe_mark='{MARK}'\n" in (SCRIPTS / "probe_sysctl.sh").read_text()
