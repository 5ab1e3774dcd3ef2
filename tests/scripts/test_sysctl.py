"""set_sysctl: what the kernel says afterwards is what counts."""

import pytest

from kaitu.core.command import Command
from kaitu.remote import loader
from scripts.run import Node

NET = "net.ipv4."
ALONE = "true; "  # in a network of its own, whose values are nobody else's


def answer(node: Node, data: bytes, size: int | None = None) -> tuple[str, str]:
    command = Command("set_sysctl", (str(len(data) if size is None else size),), data)
    found = node.answer(command, unshared=ALONE)
    return found["code"], found["detail"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"net.ipv4.ip_default_ttl=77\n", ("OK", "")),
        (b"net.ipv4.ip_default_ttl=64\n", ("SAME", "")),
        (b"net.ipv4.ip_default_ttl=64\nnet.ipv4.tcp_ecn=1\n", ("OK", "")),
        (b"net.ipv4.ping_group_range=5 9\n", ("OK", "")),
        (b"net.ipv4.ping_group_range=5\t9", ("OK", "")),
        (b"", ("SAME", "")),
        (
            b"net.ipv4.ip_default_ttl=999\nnet.ipv4.nothing=1\n",
            ("EREFUSED", NET + "ip_default_ttl"),
        ),
        (b"net.ipv4.tcp_ecn=1\nnet.ipv4.nothing=1\n", ("EUNKNOWN", NET + "nothing")),
        (b"net.ipv4=1\n", ("EUNKNOWN", "net.ipv4")),
        (b"net/../kernel/domainname=x\n", ("EARG", "net/../kernel/domainname")),
        (b"net...kernel.domainname=x\n", ("EARG", "net...kernel.domainname")),
        (b"kernel.`id`=x\n", ("EARG", "unprintable")),
    ],
)
def test_values(node: Node, data: bytes, expected: tuple[str, str]) -> None:
    assert answer(node, data) == expected


def test_lines_that_did_not_arrive_whole(node: Node) -> None:
    assert answer(node, b"net.ipv4.ip_default_ttl=7\n", size=99) == ("ESHORT", "")


def test_every_line_is_tried(node: Node) -> None:
    data = b"net.ipv4.nothing=1\nnet.ipv4.ip_default_ttl=77\n"
    command = Command("set_sysctl", (str(len(data)),), data)
    text = "trap 'cat /proc/sys/net/ipv4/ip_default_ttl' EXIT\n"
    process = node.start(command, text=text + loader.script_text("set_sysctl"), unshared=ALONE)
    out, _ = process.communicate(timeout=60)
    assert out.endswith(b"END\n77\n")
    assert b"EUNKNOWN" in out
