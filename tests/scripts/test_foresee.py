"""What the look ahead reads and prints, under every shell, with a Docker that is told what to say.

Whether compose means it so is tested on real nodes (integration/test_foresight.py).
"""

import base64
from pathlib import Path

import pytest

from kaitu.core.aspect import Answer
from kaitu.core.command import Command
from kaitu.core.errors import KaituError
from kaitu.core.foresight import Seen, parse
from safety.calls import strange
from scripts.run import Node, toolbox, without

FILE = b"services: {}\n"
LINES = b"A=canary-new\n"
LIVE = b"K2_NODE_SECRET=canary-secret\nA=old\n"
MODEL = """\
name: app
services:
  "1":
    command:
      - image: not-a-key
    depends_on:
      web:
        condition: service_started
        restart: true
        required: true
    image: x:1
    ipc: service:web
    network_mode: service:web
  web:
    deploy:
      replicas: 2
    environment:
      A: |-
        canary-new
        image: wrong
      depends_on: no
    image: x:1
    networks:
      default: null
  data:
    build: {}
    depends_on:
      web:
        condition: service_healthy
        required: true
    volumes_from:
      - web:ro
      - container:other
networks:
  default:
    name: app_default
x-image:
  web:
    image: y
"""
PS = (
    "app-web-2\tBBB\tweb\th2\tsha256:1\trunning\tFalse\napp-web-1\tAAA\tweb\th1\t\texited\tFalse\n"
)
RUN = "app-run\tCCC\tweb\t\t\trunning\tTrue\n"
DOCKER = """
printf '%s\\n' "$*" >>ROOT/calls
env >>ROOT/environment
case $* in
*' config') [ -e ROOT/model ] || exit 1; cat "$7" >ROOT/env; cat ROOT/model ;;
*' config -q') cat >/dev/null; [ -s "$7" ] && [ -e ROOT/bad-env ] && exit 1; exit 0 ;;
*' config --hash '*) cat >ROOT/asked; printf '1 h3\\nweb h2\\ndata h5\\n' ;;
'image inspect '*)
    case $5 in
    x:1) echo sha256:1 ;;
    x@sha256:f*) echo sha256:2 ;;
    sha256:3) echo sha256:3 ;;
    *) echo; exit 1 ;;
    esac ;;
'ps -a --no-trunc '*) cat ROOT/ps ;;
'ps '*) ;;
esac
"""


@pytest.fixture
def ready(node: Node) -> Node:
    (node.root / "model").write_text(MODEL)
    (node.root / "ps").write_text(PS + RUN)
    (node.app / ".env").write_bytes(LIVE)
    (node.app / ".env").chmod(0o600)
    tools = dict.fromkeys(("env", "sh", "unshare", "mount", "readlink", "sort"), 'exec REAL "$@"')
    return toolbox(node, docker=DOCKER.replace("ROOT", str(node.root)), **tools)


def look(node: Node, *pins: str, text: str = "") -> bytes:
    words = (str(node.app), "key", str(len(FILE)), str(len(LINES)), *pins)
    answer = node.answer(Command("foresee", words, FILE + LINES), text=text)
    return base64.b64decode(answer["fragments"]["foresee"]["out"])


def seen(node: Node, *pins: str) -> Seen:
    return parse({"foresee": Answer(0, look(node, *pins))})


def test_what_compose_understands_is_told(ready: Node) -> None:
    found = seen(ready)

    assert found.services.keys() == {"1", "web", "data"}
    one, web, data = (found.services[name] for name in ("1", "web", "data"))
    assert (web.scale, web.image, web.hash, web.needs, web.shares) == (
        2,
        "sha256:1",
        "h2",
        set(),
        set(),
    )
    assert (one.scale, one.needs, one.restart, one.shares) == (1, {"web"}, {"web"}, {"web"})
    assert (data.image, data.opaque, data.shares, data.restart) == ("-", True, {"web"}, set())
    assert [(c.service, c.hash, c.image, c.state) for c in found.containers] == [
        ("web", "h1", "-", "exited"),
        ("web", "h2", "sha256:1", "running"),
    ]


def test_the_hash_is_asked_with_the_id_of_what_is_shared(ready: Node) -> None:
    seen(ready)

    asked = (ready.root / "asked").read_text()
    shared = ("network_mode", "ipc")
    expected = MODEL
    for part in shared:
        expected = expected.replace(f"{part}: service:web", f"{part}: container:AAA")
    assert asked == expected


def test_compose_reads_the_env_as_it_would_be_and_nobody_else_does(ready: Node) -> None:
    before = {
        p: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_ino) for p in ready.app.iterdir()
    }
    memory = sorted(Path("/dev/shm").iterdir())

    seen(ready)

    assert (ready.root / "env").read_bytes() == LIVE.replace(b"old", b"canary-new")
    after = {
        p: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_ino) for p in ready.app.iterdir()
    }
    assert after == before
    assert sorted(Path("/dev/shm").iterdir()) == memory
    assert str(ready.app) not in Path("/proc/self/mountinfo").read_text()


def test_no_value_is_told_or_an_argument(ready: Node) -> None:
    out = look(ready)
    said = [(ready.root / name).read_bytes() for name in ("calls", "environment")]
    assert b"canary" not in b"".join((out, *said))
    assert b"canary" in (ready.root / "asked").read_bytes(), "the control: it was there to be told"


def test_every_call_is_one_that_is_allowed(ready: Node) -> None:
    seen(ready)
    assert strange((ready.root / "calls").read_text().splitlines()) == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("no model", "refuses the file"),
        ("bad env", "cannot read .env"),
        ("no env", "does not let us look ahead"),
        ("open quote", "a quote in .env"),
    ],
)
def test_what_cannot_be_told_is_said(ready: Node, spoil: str, message: str) -> None:
    if spoil in {"no model", "bad env"}:
        (ready.root / "model").unlink()
    if spoil == "bad env":
        (ready.root / "bad-env").touch()
    if spoil == "no env":
        (ready.app / ".env").unlink()
    if spoil == "open quote":
        (ready.app / ".env").write_bytes(b"B='open\n")
    with pytest.raises(KaituError, match=message):
        seen(ready)


def test_a_pin_and_what_was_pulled_say_which_image_it_will_be(ready: Node) -> None:
    pin = f"web=sha256:{'f' * 64}"
    assert [seen(ready, pin).services[name].image for name in ("1", "web")] == [
        "sha256:1",
        "sha256:2",
    ]
    (ready.state / "job").mkdir()
    (ready.state / "job/next").write_text("key seal\nx:1 sha256:3\n")
    assert [seen(ready).services[name].image for name in ("1", "web")] == ["sha256:3", "sha256:3"]
    (ready.state / "job/next").write_text("other seal\nx:1 sha256:3\n")
    assert seen(ready).services["web"].image == "sha256:1"


LIE = 'exec=; while [ "$1" != sh ]; do shift; done; exec "$@"'
GUARD = "finish ESELFTEST unshare"


def test_without_a_namespace_of_its_own_nothing_is_mounted(ready: Node) -> None:
    """An unshare that only runs what it is given would show the mounts to everybody."""
    lying = ready.root / "lie"
    lying.mkdir()
    (lying / "unshare").write_text(f"#!/bin/sh\n{LIE}\n")
    (lying / "unshare").chmod(0o755)
    words = (str(ready.app), "key", str(len(FILE)), str(len(LINES)))

    command = Command("foresee", words, FILE + LINES)
    around = f"PATH={lying}:$PATH; "  # whatever comes of it, this machine does not see it

    assert ready.answer(command, unshared=around) == {"code": "ESELFTEST", "detail": "unshare"}
    unguarded = ready.answer(command, unshared=around, text=without("foresee", GUARD))
    assert "fragments" in unguarded, "the control: it would have mounted"
