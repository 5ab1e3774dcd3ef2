"""What is shown of KaituNodes: columns, ages, the page of one, the table of all."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
import yaml
from rich.console import RenderableType

from cli.nodes import NEW, NOW, SICK, node, said
from kaitu.cli.kube import look
from kaitu.cli.kube.difference import code_of, difference
from kaitu.cli.kube.fleet import fleet, news
from kaitu.cli.kube.next import steps
from kaitu.cli.kube.page import page
from kaitu.cli.kube.tables import Format, lines, machine, rows
from kaitu.cli.show import block, console
from kaitu.cli.show import lines as told_lines
from kaitu.cli.verdict import DIFFERS, IN_SYNC, TROUBLE

EVIL = "a\x1b[31m\x1b]0;owned\x07\u202e\r"


def printed(what: RenderableType, width: int = 80) -> str:
    out = console(wrap=True, width=width)
    out.file = io.StringIO()
    out.print(what)
    return out.file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (600, "10m"),
        (10799, "179m"),
        (10800, "3h"),
        (18720, "5h12m"),
        (28800, "8h"),
        (172799, "47h"),
        (172800, "2d"),
        (180000, "2d2h"),
        (8 * 86400, "8d"),
        (900 * 86400, "900d"),
    ],
)
def test_an_age_is_as_kubectl_has_it(seconds: int, text: str) -> None:
    assert look.length(timedelta(seconds=seconds)) == text


def test_the_table_has_the_columns_of_the_crd() -> None:
    head, row = rows([node()], NOW, wide=False, namespaces=False)
    assert head == ("NAME", "READY", "VERSION", "HEALTHY", "IN SYNC", "LAST VISIT", "AGE")
    assert row == ("tokyo-1", "True", "5.4.0", "True", "True", "12s", "3d")
    head, row = rows([SICK], NOW, wide=True, namespaces=True)
    assert (head[0], row[0], row[-3:]) == ("NAMESPACE", "fleet", ("203.0.113.7", "", "GateFailed"))


def test_the_table_fits_and_is_sorted() -> None:
    found = list(lines(rows([SICK, node(), NEW], NOW, wide=False, namespaces=False)))
    assert [str(line).split()[0] for line in found] == ["NAME", "new", "sick", "tokyo-1"]
    assert max(len(line) for line in found) <= 80
    assert "<unknown>" in str(found[1])


def test_machine_output_is_what_kubectl_gives() -> None:
    both = [SICK, node()]
    assert machine(both, Format.NAME, one=False).splitlines() == [
        "kaitunode.fleet.kaitu.io/sick",
        "kaitunode.fleet.kaitu.io/tokyo-1",
    ]
    listed = json.loads(machine(both, Format.JSON, one=False))
    assert (listed["kind"], len(listed["items"])) == ("List", 2)
    assert yaml.safe_load(machine([SICK], Format.YAML, one=True)) == SICK


def test_the_page_says_all_and_fits_80_columns() -> None:
    shown = printed(page(SICK, NOW))
    assert max(map(len, shown.splitlines())) <= 80
    for part in (
        "fleet/sick  Ready: False  GateFailed",
        "ubuntu@203.0.113.7:1022",
        "11 of 11 in sync; K2_NODE_SECRET is there",
        "k2-sidecar  running  healthy  9h  2 restarts",
        "compose  changed  60m ago  release 5.5.0",
        "2m  5.5.0  GateFailed at k2-sidecar".replace("2m ", "2m ago "),
        "kaituctl retry sick -n fleet",
        "Services behind it were not touched.",
    ):
        assert " ".join(part.split()) in " ".join(shown.split()), part


def test_without_a_terminal_nothing_is_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    block(page(SICK, NOW))
    shown = capsys.readouterr().out
    assert "so that k2v5, k2v4-slave and k2-oc were not touched\n" in shown
    assert not any(line.endswith(" ") for line in shown.splitlines())


def test_what_may_be_old_is_said() -> None:
    old = node(lastVisitTime="2026-11-27T11:30:00Z")
    assert "No visit has been reported for long" in printed(page(old, NOW), 200)
    assert "for long" not in printed(page(node(), NOW), 200)
    changed = node()
    changed["metadata"]["generation"] = 4
    assert "The spec has been changed since" in printed(page(changed, NOW), 200)


def stopped(kind: str, reason: str, message: str = "") -> dict[str, Any]:
    return node("x", said(kind, "False", reason, message), said("Ready", "False", reason, message))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (node(), "Nothing to do."),
        (NEW, "Wait for the next visit."),
        (stopped("InSync", "AdoptionRequired"), "kaituctl adopt x -n fleet"),
        (stopped("InSync", "OwnedByAnother"), "kaituctl adopt x -n fleet --from INSTALLATION-ID"),
        (stopped("Reachable", "HostKeyChanged"), "Put the new key into hostKeys"),
        (stopped("Reachable", "DialRefused"), "Nothing listens"),
        (stopped("InSync", "OfTomorrow"), "Wait for the next visit."),
    ],
)
def test_what_to_do_next(body: dict[str, Any], told: str) -> None:
    assert told in "\n".join(steps(body))


def test_a_suspended_node_is_resumed_first() -> None:
    body = stopped("InSync", "GateFailed")
    body["spec"] = {**body["spec"], "suspend": True}
    assert list(steps(body)) == ["It is suspended: no visits are made. kaituctl resume x -n fleet"]


def test_a_learned_key_is_accepted_by_command() -> None:
    body = stopped("Reachable", "HostKeyChanged")
    to = {**body["spec"]["connection"], "hostKeyPolicy": "TrustOnFirstUse"}
    body["spec"] = {"connection": to}
    assert "kaituctl accept-host-key x -n fleet SHA256:" in "\n".join(steps(body))


def unseen(status: str) -> dict[str, Any]:
    return node(
        "x",
        said("Reachable", status, "DialTimeout", "no answer"),
        said("InSync", "Unknown", "DialTimeout"),
        said("Ready", status, "DialTimeout", "no answer"),
        aspects=[{"name": "sysctl", "state": "Unknown", "reason": "Unobserved", "message": ""}],
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (node(), IN_SYNC),
        (NEW, TROUBLE),
        (SICK, TROUBLE),
        (unseen("False"), TROUBLE),
        (
            node("x", said("InSync", "False", "DriftObserved"), aspects=[]),
            DIFFERS,
        ),
        (
            node(
                "x",
                said("Healthy", "False", "DiskFull"),
                aspects=[{"name": "health", "state": "Failed", "reason": "DiskFull"}],
            ),
            IN_SYNC,
        ),
        ({**node(), "metadata": {**node()["metadata"], "generation": 9}}, DIFFERS),
    ],
)
def test_a_difference_has_the_codes_of_a_plan(body: dict[str, Any], code: int) -> None:
    assert code_of(body) == code


def test_a_difference_reads_as_a_plan_does() -> None:
    shown = "\n".join(map(str, told_lines(difference(SICK))))
    assert "compose  changed: release 5.5.0" in shown
    assert "GateFailed: k2-sidecar never became healthy" in shown
    planned = {"steps": [{"aspect": "sysctl", "text": "set a: 1 -> 2", "disrupts": "host"}]}
    shown = "\n".join(map(str, told_lines(difference(node(plan=planned)))))
    assert "set a: 1 -> 2 (disrupts the host)" in shown
    assert "no visit has been reported yet" in "\n".join(map(str, told_lines(difference(NEW))))
    assert "DialTimeout: no answer" in "\n".join(map(str, told_lines(difference(unseen("False")))))


def test_the_fleet_has_the_worst_first_and_counts_what_is_hidden() -> None:
    bodies = {look.key(b): b for b in (node("a"), SICK, NEW, node("b"))}
    shown = printed(fleet(bodies, NOW, "", rows=24, where="all namespaces"))
    assert "all namespaces: 4 nodes: 1 not ready, 1 unknown, 2 ready" in shown
    names = [line.split()[0] for line in shown.splitlines()[3:] if line.strip()][:4]
    assert names == ["sick", "new", "a", "b"]
    assert max(map(len, shown.splitlines())) <= 80
    small = printed(fleet(bodies, NOW, "no answer", rows=6, where="namespace x"))
    assert "2 more are not shown" in small
    assert "no answer of the API server: no answer" in small


def test_news_are_told_once() -> None:
    told: dict[Any, str] = {}
    bodies = {look.key(b): b for b in (node("a"), SICK)}
    first = list(news(told, bodies))
    assert first[0] == "fleet/a True 5.4.0"
    assert first[1].startswith("fleet/sick False 5.4.0 GateFailed: ")
    assert list(news(told, bodies)) == []
    assert list(news(told, {look.key(SICK): SICK})) == ["fleet/a was deleted"]


def test_no_text_of_a_node_steers_the_terminal() -> None:
    body = stopped("InSync", "GateFailed", EVIL)
    body["status"]["compose"] = {"version": EVIL, "services": [{"name": EVIL, "image": EVIL}]}
    body["status"]["drift"] = [
        {"aspect": EVIL, "item": EVIL, "kind": EVIL, "firstSeen": "2026-11-27T11:00:00Z"}
    ]
    pictures: tuple[RenderableType, ...] = (
        page(body, NOW),
        fleet({("a", "x"): body}, NOW, EVIL, rows=20, where=EVIL),
        *lines(rows([body], NOW, wide=True, namespaces=True)),
        *told_lines(difference(body)),
    )
    shown = "".join(printed(one, 400) for one in pictures)
    assert "owned" in shown
    assert not {"\x1b", "\x07", "\u202e", "\r"} & set(shown)
    for form in (Format.JSON, Format.YAML):
        assert machine([body], form, one=True).replace("\n", "").isprintable()
