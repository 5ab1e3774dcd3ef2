"""From what was read off a node to YAML: it says the same, and what it leaves out is named."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kaitu.api.node import validate
from kaitu.aspects import cron, sysctl
from kaitu.cli.describe import Described, Found, describe
from kaitu.cli.living import dump, files, node_name, place, write
from kaitu.cli.usage import UsageError
from kaitu.core.aspect import Answer
from kaitu.core.errors import UnparsableError
from kaitu.core.facts import HostFacts, parse_host
from kaitu.core.k2 import OPEN
from kaitu.core.living import Living, parse_living, question
from kaitu.core.release import Record, Releases
from kaitu.core.sections import CronEntrySpec, SysctlSpec
from kaitu.core.text import digest

FILE = "services: {a: {image: x}}\n"
CONNECTION = {
    "host": "203.0.113.7",
    "port": 22,
    "user": "root",
    "privateKeySecretRef": {"name": "kaitu-ssh"},
    "hostKeys": [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHzsUTxBg4PWMGyiqFzGBqTrD7Aq/fRYnVa5PtBKP0fm"
    ],
}
HOST = (
    "time\t1000\nboot\t900\nos\tRGViaWFu\nkernel\t6.1\narch\tx86_64\ncpus\t2\nmemTotal\t2048\n"
    "memAvailable\t1024\nload\t0.10\netc\trw\nowner\t{}\nfence\t-\nmachine\tabc\n"
)


def host(owner: str = "-") -> HostFacts:
    return parse_host(Answer(0, HOST.format(owner).encode()))


def found(
    file: str | bytes = "absent",
    *,
    values: dict[str, str] | None = None,
    names: tuple[str, ...] = (),
    files: dict[str, bytes] | None = None,
    directory: str = "/apps/kaitu-slave",
    record: Record | None = None,
    **more: Any,
) -> Described:
    living = Living(file, values or {}, names, files or {})
    releases = Releases("present", "absent", record)
    whole = {"host": host(), "drop_in": None, **more}
    made = describe(
        "a", CONNECTION, Found(directory, whole["host"], releases, living, whole["drop_in"])
    )
    validate(made.node["spec"])
    return made


def test_an_empty_node_is_a_connection_that_is_observed() -> None:
    made = found()
    assert made.node["spec"] == {"mode": "Observe", "connection": CONNECTION}
    assert made.release is None
    assert made.notes == ("there is no docker-compose.yml in /apps/kaitu-slave",)


def test_the_file_gives_the_version_its_name() -> None:
    made, same = found(FILE.encode()), found(FILE.encode(), directory="/apps/other")
    version = f"imported-{digest(FILE.encode())[:8]}"
    assert made.node["spec"]["compose"] == {"version": version}
    assert same.node["spec"]["compose"] == {"version": version, "directory": "/apps/other"}
    assert made.release == same.release
    assert made.release
    assert made.release["metadata"]["name"] == f"compose-{version}"
    assert made.release["data"] == {"docker-compose.yml": FILE}


def test_a_release_of_ours_keeps_its_version() -> None:
    ours = Record("key", "5.4.0", digest(FILE.encode()), env_same=True)
    assert found(FILE.encode(), record=ours).node["spec"]["compose"] == {"version": "5.4.0"}
    edited = found(b"services: {}\n", record=ours).node["spec"]["compose"]["version"]
    assert edited.startswith("imported-")


@pytest.mark.parametrize(
    ("file", "said"),
    [("long", "longer than"), ("unsafe", "not followed"), (b"\xff", "is not UTF-8")],
)
def test_a_file_that_cannot_be_had_is_said(file: str | bytes, said: str) -> None:
    assert said in found(file).notes[0]


def test_variables_with_their_values_and_the_others_by_name() -> None:
    made = found(values={"K2V4_PORT": "443"}, names=("K2_RADIUS_KEY",))
    assert made.node["spec"]["env"] == {"vars": [{"name": "K2V4_PORT", "value": "443"}]}
    assert made.notes[1] == "variables of .env whose values were not read: K2_RADIUS_KEY"


def test_ports_that_are_no_range_are_no_spec() -> None:
    made = found(values={"K2_HOP_PORT_MIN": "900", "K2_HOP_PORT_MAX": "800"})
    assert "env" not in made.node["spec"]
    assert made.notes[1].endswith("K2_HOP_PORT_MAX, K2_HOP_PORT_MIN")


@pytest.mark.parametrize("user", ["root", "ubuntu"])
@pytest.mark.parametrize("schedule", ["@daily", "17 3 * * *", "0  5 * * Mon"])
def test_a_cron_file_of_ours(user: str, schedule: str) -> None:
    entry = CronEntrySpec(name="trim", schedule=schedule, user=user, command="/bin/x  -a | y")
    (said,) = found(files={"kaitu-trim": cron.render(entry)}).node["spec"]["cron"]["entries"]
    again = CronEntrySpec.model_validate(said)
    assert cron.render(again) == cron.render(entry)
    assert (again.name, again.runs_as) == ("trim", user)


@pytest.mark.parametrize("content", [b"", b"# x\n@daily root x\n", b"@daily root x", b"\xff\n"])
def test_a_cron_file_that_is_not_as_we_write_it(content: bytes) -> None:
    made = found(files={"kaitu-trim": content})
    assert "cron" not in made.node["spec"]
    assert "kaitu-trim is ours and is not as we write it" in made.notes[1]


def test_a_drop_in_of_ours() -> None:
    settings = [
        {"name": "net.core.default_qdisc", "value": "fq", "optional": True},
        {"name": "net.ipv4.tcp_rmem", "value": "4096 131072 6291456"},
    ]
    content = sysctl.render(SysctlSpec.model_validate({"settings": settings}))
    assert found(drop_in=content).node["spec"]["sysctl"] == {"settings": settings}
    made = found(drop_in=content + b"# a person's word\n")
    assert "sysctl" not in made.node["spec"]
    assert "is not as we write it" in made.notes[1]


def test_an_owner_is_said() -> None:
    assert found(host=host("i\tfleet/a")).notes[0].startswith("the node belongs to fleet/a")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_text_is_written_so_that_it_reads_back_the_same(text: str) -> None:
    assert yaml.safe_load(dump({"data": {"k": text}})) == {"data": {"k": text}}


def test_a_compose_file_is_written_so_that_a_person_can_read_it() -> None:
    assert "k: |\n    services:\n      a: {}\n" in dump({"data": {"k": "services:\n  a: {}\n"}})


def test_nothing_is_written_over(tmp_path: Any) -> None:
    texts = files(found(FILE.encode()))
    assert write(tmp_path, texts) == write(tmp_path, texts)
    (tmp_path / "a.yaml").write_text("other")
    with pytest.raises(UsageError, match="is there already"):
        write(tmp_path, {"new.yaml": "", **texts})
    assert not (tmp_path / "new.yaml").exists()


@pytest.mark.parametrize(
    ("target", "user", "host", "name"),
    [
        ("ubuntu@203.0.113.7", "ubuntu", "203.0.113.7", "node-203-0-113-7"),
        ("Tokyo-1.example.com", "root", "Tokyo-1.example.com", "node-tokyo-1"),
        ("root@[2001:db8::1]", "root", "2001:db8::1", "node-2001-db8--1"),
        ("root@::1", "root", "::1", "node---1"),
    ],
)
def test_a_place_and_a_name(target: str, user: str, host: str, name: str) -> None:
    found = place(target, 22)
    assert (found.user, found.host, node_name(found.host)) == (user, host, name)


def test_forms_are_words_that_the_node_can_read() -> None:
    lines = question("/apps/x").data.decode().splitlines()
    assert [line.split() for line in lines] == [list(one) for one in OPEN.items()]
    assert "K2_CENTER_URL" not in OPEN


@pytest.mark.parametrize(
    "out",
    ["", "file\tabsent\nfile\tabsent\n", "file\t!\n", "other\n", "file\tabsent\ncron\t!\tYQ==\n"],
)
def test_an_answer_of_another_shape_is_not_guessed_at(out: str) -> None:
    with pytest.raises(UnparsableError):
        parse_living({"read_deployment": Answer(0, out.encode())})


def test_a_node_that_tells_too_much_is_not_believed() -> None:
    """The form is checked here, too: what a node sends beyond it goes nowhere."""
    told = "file\tabsent\nvalue\tK2V4_PORT\tcanary\nvalue\tK2_RADIUS_KEY\tcanary\n"
    living = parse_living({"read_deployment": Answer(0, told.encode())})
    assert "canary" not in json.dumps([dict(living.values), living.names])
    assert living.names == ("K2V4_PORT", "K2_RADIUS_KEY")


EVIL = "kaitu-x\n---\n{apiVersion: v1, kind: Secret}\n---\n#"


@pytest.mark.parametrize("break_", ["\n", "\r", "\x85", "\u2028"])
def test_what_a_node_calls_its_files_is_no_document_of_ours(break_: str) -> None:
    made = found(files={EVIL.replace("\n", break_): b"x"})

    text = files(made)["a.yaml"]

    assert [one["kind"] for one in yaml.safe_load_all(text)] == ["KaituNode"]


def test_a_version_that_is_none_names_no_file() -> None:
    record = Record("k", "../../x", digest(FILE.encode()), True)
    made = found(FILE.encode(), record=record)
    assert made.node["spec"]["compose"]["version"].startswith("imported-")


def test_a_file_that_sets_the_secret_is_told_of() -> None:
    made = found("secret")
    assert made.release is None
    assert "K2_NODE_SECRET" in made.notes[0]


def test_files_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(UsageError, match="taken"):
        write(tmp_path / "taken", {"a.yaml": "x"})
    write(tmp_path / "made", {"a.yaml": "x"})
    assert (tmp_path / "made/a.yaml").stat().st_mode & 0o777 == 0o600
