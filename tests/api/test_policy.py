"""The policy: addresses, directories, prefixes, names and users that no spec gets past."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaitu.api.node import validate
from kaitu.api.policy import NEVER, Policy, allows_address, denied, parse
from kaitu.core.command import Command
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from specs import good, patched

DEFAULT = Policy()


@pytest.mark.parametrize(
    ("ip", "rule"),
    [
        ("203.0.113.7", None),
        ("10.0.0.7", None),
        ("2001:db8::7", None),
        ("::ffff:203.0.113.7", None),
        ("127.0.0.1", "hosts.deny 127.0.0.0/8"),
        ("127.8.9.1", "hosts.deny 127.0.0.0/8"),
        ("0.0.0.0", "hosts.deny 0.0.0.0/8"),  # noqa: S104 - an address to refuse
        ("169.254.169.254", "hosts.deny 169.254.0.0/16"),
        ("100.100.100.200", "hosts.deny 100.100.100.200/32"),
        ("168.63.129.16", "hosts.deny 168.63.129.16/32"),
        ("224.0.0.1", "hosts.deny 224.0.0.0/4"),
        ("255.255.255.255", "hosts.deny 255.255.255.255/32"),
        ("::", "hosts.deny ::/128"),
        ("::1", "hosts.deny ::1/128"),
        ("fe80::1", "hosts.deny fe80::/10"),
        ("fe80::1%eth0", "hosts.deny fe80::/10"),
        ("ff02::1", "hosts.deny ff00::/8"),
        ("fd00:ec2::254", "hosts.deny fd00:ec2::254/128"),
        ("::ffff:127.0.0.1", "hosts.deny 127.0.0.0/8"),
        ("::ffff:169.254.169.254", "hosts.deny 169.254.0.0/16"),
        ("::127.0.0.1", "hosts.deny 127.0.0.0/8"),
        ("64:ff9b::169.254.169.254", "hosts.deny 169.254.0.0/16"),
        ("2002:7f00:1::", "hosts.deny 127.0.0.0/8"),
    ],
)
def test_addresses_under_the_default_policy(ip: str, rule: str | None) -> None:
    assert allows_address(DEFAULT, ip) == rule


@given(st.sampled_from(NEVER).flatmap(lambda n: st.ip_addresses(network=n)))
def test_no_address_of_a_denied_network_passes_in_any_form(ip: object) -> None:
    assert allows_address(DEFAULT, str(ip))
    if isinstance(ip, ipaddress.IPv4Address):
        assert allows_address(DEFAULT, f"::ffff:{ip}")
        assert allows_address(DEFAULT, f"64:ff9b::{ip}")


def test_only_what_is_allowed_may_be_dialled() -> None:
    policy = parse("hosts: {allow: [10.0.0.0/8], deny: [10.9.0.0/16]}")

    assert allows_address(policy, "10.1.2.3") is None
    assert allows_address(policy, "::ffff:10.1.2.3") is None
    assert allows_address(policy, "10.9.2.3") == "hosts.deny 10.9.0.0/16"
    assert allows_address(policy, "203.0.113.7") == "hosts.allow"
    assert allows_address(policy, "64:ff9b::10.1.2.3") == "hosts.allow"
    assert allows_address(policy, "127.0.0.1") == "hosts.allow"


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}"])
def test_an_empty_file_is_the_default(text: str) -> None:
    assert parse(text) == DEFAULT


def test_a_whole_file() -> None:
    policy = parse("""
        hosts: {allow: [203.0.113.0/24, "2001:db8::/32"]}
        directories: [/srv/kaitu]
        sysctl: {prefixes: [kernel.panic]}
        protectedEnv: [k2_radius_key]
        cron: {users: [root, ubuntu]}
        maxDisrupted: 3
        installation: {adoptFrom: [5f0c1c1e-0000-4000-8000-000000000000]}
    """)

    assert [str(network) for network in policy.hosts.allow] == ["203.0.113.0/24", "2001:db8::/32"]
    assert policy.hosts.deny == DEFAULT.hosts.deny
    assert policy.protected == {"K2_NODE_SECRET", "K2_RADIUS_KEY"}
    assert policy.installation.adopt_from == ("5f0c1c1e-0000-4000-8000-000000000000",)
    assert policy.max_disrupted == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hosts: {allow: [10.0.0.1/8]}", "policy.hosts.allow[0]: "),
        ("hosts: {allowed: []}", "policy.hosts.allowed: is no known field"),
        ("maxDisrupted: 0", "policy.maxDisrupted: "),
        ("maxDisrupted: many", "policy.maxDisrupted: "),
        ("directories: [/a/../etc]", "policy.directories[0]: "),
        ("directories: [/]", "policy.directories[0]: "),
        ("protectedEnv: [a-b]", "policy.protectedEnv[0]: "),
        (f"protectedEnv: [{'A' * 240}, {'B' * 240}]", "policy.protectedEnv: the names have 481 "),
        ("installation: {adoptFrom: [a b]}", "policy.installation.adoptFrom[0]: "),
        ("- a", "policy: "),
        ("hosts: [", "the policy is not YAML"),
        ("maxDisrupted: 1\nmaxDisrupted: 5", "a key is there twice, line 2"),
    ],
)
def test_a_mistake_in_the_file_is_named(text: str, says: str) -> None:
    with pytest.raises(KaituError) as caught:
        parse(text)

    assert caught.value.message.startswith(says)


KERNEL = {"sysctl": {"settings": [{"name": "kernel.core_pattern", "value": "|/tmp/x"}]}}
LONGER = {"sysctl": {"settings": [{"name": "fs.file-max.x", "value": "1"}]}}
USER = {
    "cron": {"entries": [{"name": "a", "schedule": "@daily", "user": "ubuntu", "command": "x"}]}
}


@pytest.mark.parametrize(
    ("patch", "policy", "sections", "says"),
    [
        (KERNEL, "", "sysctl", "sysctl.prefixes|spec.sysctl.settings[0] kernel.core_pattern"),
        (LONGER, "", "sysctl", "sysctl.prefixes|spec.sysctl.settings[0] fs.file-max.x"),
        (
            {"compose": {"directory": "/etc/cron.d"}},
            "",
            "compose env",
            "directories|spec.compose.directory /etc/cron.d",
        ),
        (
            {"compose": {"directory": "/apps-of-others"}, "env": None},
            "",
            "compose",
            "directories|spec.compose.directory /apps-of-others",
        ),
        (
            {"compose": None},
            "directories: [/srv]",
            "env",
            "directories|spec.compose.directory /apps/kaitu-slave",
        ),
        (USER, "", "cron", "cron.users|spec.cron.entries[0].user ubuntu"),
        ({}, "cron: {users: []}", "cron", "cron.users|spec.cron.entries[0].user root"),
        ({}, "protectedEnv: [k2_domain]", "env", "protectedEnv|spec.env.vars[0] K2_DOMAIN"),
    ],
)
def test_a_section_that_asks_for_too_much_is_refused_alone(
    patch: object, policy: str, sections: str, says: str
) -> None:
    rule, field = says.split("|")

    found = denied(parse(policy), validate(patched(good(), patch)))

    assert set(found) == set(sections.split())
    for error in found.values():
        assert error.reason is Reason.POLICY_DENIED
        assert error.message == f"policy rule {rule} does not allow {field}"


def test_the_first_of_several_breaches_is_named() -> None:
    names = ["net.ipv4.ip_forward", "kernel.panic", "kernel.core_pattern"]
    spec = {"sysctl": {"settings": [{"name": name, "value": "1"} for name in names]}}

    found = denied(DEFAULT, validate(patched(good(), spec)))

    assert found["sysctl"].message.endswith("spec.sysctl.settings[1] kernel.panic")


def test_the_sample_is_within_the_default_policy() -> None:
    assert denied(DEFAULT, validate(good())) == {}


def test_the_most_protected_names_fit_into_a_command() -> None:
    names = [f"A{'X' * 238}", f"B{'X' * 239}"]
    policy = parse(f"protectedEnv: [{', '.join(names)}]")

    word = ",".join(sorted(policy.protected))

    assert word.startswith("AX")
    assert Command("merge_env", (word,)).words == (word,)
