"""Guardrail 7: automation on the node that takes the stack down is reported, and not touched."""

import base64
import os
from dataclasses import replace

import pytest

from kaitu.aspects import health
from kaitu.core.aspect import Answer
from kaitu.core.facts import parse_host
from kaitu.core.sections import HealthSpec
from scripts.run import Node, fragment, plain

CANARY = "canary-5e81"
DOWN = f"#!/bin/sh\n# TOKEN={CANARY}\ncd /apps/kaitu-slave\ndocker compose down -v # {CANARY}\n"
UP = "#!/bin/sh\n# never `docker compose down`\ndocker compose up -d && echo down\n"

SEEN: dict[str, tuple[dict[str, str], list[str]]] = {
    "a line of /etc/crontab": (
        {"etc/crontab": "# m h\n\n0 4 * * * root cd /apps && docker compose -p x down\n"},
        ["/etc/crontab:3"],
    ),
    "a line of cron.d": (
        {"etc/cron.d/nightly": f"0 4 * * * root docker-compose down; curl {CANARY}\n"},
        ["/etc/cron.d/nightly:1"],
    ),
    "a line of a user": (
        {"var/spool/cron/crontabs/root": "0 4 * * * docker compose down"},
        ["/var/spool/cron/crontabs/root:1"],
    ),
    "a user's on other systems": (
        {"var/spool/cron/root": "0 4 * * * docker compose down\n"},
        ["/var/spool/cron/root:1"],
    ),
    "a script by its path": (
        {"etc/cron.d/a": "0 4 * * * root /root/up.sh >/dev/null 2>&1\n", "root/up.sh": DOWN},
        ["/root/up.sh"],
    ),
    "a script in quotes": (
        {"etc/crontab": "0 4 * * * root sh -c '/opt/x'\n", "opt/x": DOWN},
        ["/opt/x"],
    ),
    "a script where cd leads": (
        {"etc/crontab": "0 4 * * * root cd /apps/k && ./u.sh\n", "apps/k/u.sh": DOWN},
        ["/apps/k/./u.sh"],
    ),
    "a script of cron.daily": ({"etc/cron.daily/x": DOWN}, ["/etc/cron.daily/x"]),
    "a script of the last line of one table, then of the first of another": (
        {
            "etc/crontab": "1 * * * * root /a.sh",
            "etc/cron.d/b": "2 * * * * root /b.sh\n",
            "a.sh": DOWN,
            "b.sh": DOWN,
        },
        ["/a.sh", "/b.sh"],
    ),
    "each script once": (
        {
            "etc/crontab": "1 * * * * root /a.sh\n2 * * * * root /etc/cron.daily/a.sh\n",
            "etc/cron.d/b": "3 * * * * root /a.sh\n",
            "a.sh": DOWN,
            "etc/cron.daily/a.sh": DOWN,
        },
        ["/a.sh", "/etc/cron.daily/a.sh"],
    ),
}

QUIET = {
    "nothing": {},
    "a comment": {"etc/crontab": "#0 4 * * * root docker compose down\n"},
    "up, and the word down": {"etc/crontab": "0 4 * * * root /u.sh\n", "u.sh": UP},
    "another command's down": {"etc/crontab": "0 4 * * * root docker compose up -d; ifdown x\n"},
    "a service of that name": {"etc/crontab": "0 4 * * * root docker compose pull downloader\n"},
    "a log that speaks of it": {
        "etc/crontab": "0 4 * * * root /u.sh >>/log.sh\n",
        "log.sh": DOWN,
        "u.sh": UP,
    },
    "a program": {"etc/crontab": "0 4 * * * root /prog\n", "prog": f"\x7fELF\0\n{DOWN}"},
    "a script that is not there": {"etc/crontab": "0 4 * * * root /gone.sh\n"},
    "a pattern": {"etc/crontab": "0 4 * * * root /*\n", "a.sh": DOWN},
}


def laid_out(node: Node, files: dict[str, str]) -> Node:
    root = node.root / "machine"
    root.mkdir()
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return replace(node, environ={"KAITU_ROOT": str(root)})


def places(node: Node) -> list[str]:
    told = fragment(node, "host", b"/\n").get("down", [])
    return [plain(place) for (place,) in told]


@pytest.mark.parametrize(("files", "expected"), SEEN.values(), ids=SEEN)
def test_it_is_seen_and_only_its_place_is_told(
    anyshell: Node, files: dict[str, str], expected: list[str]
) -> None:
    found = places(laid_out(anyshell, files))

    assert found == expected
    assert CANARY not in "".join(found)


@pytest.mark.parametrize("files", QUIET.values(), ids=QUIET)
def test_what_takes_nothing_down_is_not_named(anyshell: Node, files: dict[str, str]) -> None:
    assert places(laid_out(anyshell, files)) == []


def test_nothing_is_touched(dash: Node) -> None:
    node = laid_out(dash, SEEN["a script by its path"][0])
    root = node.root / "machine"
    before = {path: path.stat() for path in root.rglob("*")}

    places(node)

    after = {path: path.stat() for path in root.rglob("*")}
    assert {p: (s.st_mtime_ns, s.st_ino, s.st_mode) for p, s in before.items()} == {
        p: (s.st_mtime_ns, s.st_ino, s.st_mode) for p, s in after.items()
    }


def test_a_pipe_and_a_loop_of_links_hang_nobody(dash: Node) -> None:
    node = laid_out(dash, {"etc/crontab": "0 4 * * * root /pipe.sh; /loop.sh\n"})
    root = node.root / "machine"
    os.mkfifo(root / "pipe.sh")
    os.mkfifo(root / "etc/cron.d")
    (root / "loop.sh").symlink_to(root / "loop.sh")

    assert places(node) == []


def test_it_is_a_finding_whatever_the_spec_says() -> None:
    """The fragment host is asked of every node, the aspect health is there without a section."""
    lines = (
        "time\t1\nboot\t1\nos\t\nkernel\tx\narch\tx\ncpus\t1\nmemTotal\t1\nmemAvailable\t1\n"
        "load\t0.1\netc\trw\nowner\t-\nfence\t-\nmachine\t-\n"
    )
    down = base64.b64encode(b"/etc/cron.d/x:3").decode()
    host = f"{lines}down\t{down}\n".encode()
    docker = b"engine\tmissing\t-\t-\n"
    answers = {"host": Answer(0, host), "docker": Answer(0, docker), "dial": Answer(0, b"")}
    assert parse_host(answers["host"]).downs == ("/etc/cron.d/x:3",)

    want = health.HealthWant("/apps/x", None, frozenset(), False, HealthSpec().limits, ())
    facts = health.parse(answers, {})

    assert health.report(want, facts)["findings"] == [
        {"signature": "AutomationRunsDown", "evidence": "/etc/cron.d/x:3"}
    ]
    assert health.problem(want, facts) is None  # a finding, not a fault of what runs
