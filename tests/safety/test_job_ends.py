"""How a job ends that cannot come to an end as it should: no try is begun for ever."""

from dataclasses import dataclass

import pytest

from kaitu.core.text import digest
from safety.test_job_calls import DOCKER, FILE, REAL, SECRET, Ran, job
from scripts.run import Node, toolbox

OLD = b"services: {k2-sidecar: {image: img0}}\n"
HOGS = """
case $* in
*' config --services') printf 'k2-sidecar\\nk2v5\\n' ;;
esac
[ ! -e ROOT/hogs ] || ! grep -q img1 ROOT/app/docker-compose.yml || case $* in
compose*' up '*' --wait '*) : >ROOT/silent; exit 1 ;;
esac
[ ! -e ROOT/silent ] || exit 1
"""


@dataclass
class Hogged:
    """A node on which Docker falls silent as soon as the new release goes in."""

    node: Node

    def up(self) -> Ran:
        """The job on a node that has come to itself again."""
        (self.node.root / "silent").unlink(missing_ok=True)
        return job(self.node, "up")

    @property
    def held(self) -> list[str]:
        file = self.node.state / "held"
        return file.read_text().split()[2:5] if file.exists() else []


def hogged(dash: Node, *, verified: bool = False) -> Hogged:
    docker = (HOGS + DOCKER).replace("ROOT", str(dash.root))
    node = toolbox(dash, **REAL, grep='exec REAL "$@"', docker=docker, sleep="exec REAL 0.1")
    if verified:
        assert job(node, "up").result[2] == "OK"
    (dash.app / "docker-compose.yml").write_bytes(OLD)
    (dash.root / "hogs").touch()
    return Hogged(node)


def test_a_release_that_silences_docker_each_time_has_failed(dash: Node) -> None:
    node = hogged(dash)
    for _ in range(3):
        assert node.up().result[2] == "EDOCKER"
        assert not node.held

    assert node.up().result[2] == "EWORN"

    assert node.held == ["EWORN", "-", "restored"]
    assert (dash.app / "docker-compose.yml").read_bytes() == OLD


def test_what_was_verified_before_is_tried_for_ever(dash: Node) -> None:
    node = hogged(dash, verified=True)
    for _ in range(5):
        (dash.app / "docker-compose.yml").write_bytes(OLD)
        assert node.up().result[2] == "EDOCKER"
    assert not node.held


# The gate's service of the new release is starting still when compose says that it has awaited it.
STARTING = """
case $*$(cat ROOT/app/docker-compose.yml) in
*' config --services'*) printf 'k2-sidecar\\nk2v5\\n' ;;
'inspect '*State.Status*img1*)
    echo "img1 k2-sidecar running starting 0 always 0 sha256:aa" && exit
    ;;
esac
"""


def test_a_gate_is_open_when_its_service_is_well_not_when_compose_says_so(dash: Node) -> None:
    (dash.app / "docker-compose.yml").write_bytes(OLD)
    docker = (STARTING + DOCKER).replace("ROOT", str(dash.root))
    tools = {"docker": docker, "sleep": "exec REAL 0.1", "grep": 'exec REAL "$@"'}

    ran = job(toolbox(dash, **REAL, **tools), "up")

    assert ran.result[2] == "EGATE"
    gate, restored, *_ = ran.ups
    assert gate == restored, "what waits behind the gate was started"


def test_what_a_killed_job_left_of_the_values_goes_when_the_next_one_starts(dash: Node) -> None:
    """Even if that one does not come to begin, as its file arrives damaged."""
    (dash.state / "job").mkdir(mode=0o700)
    for name in ("env", "env.want", "more.env"):
        (dash.state / "job" / name).write_bytes(SECRET)

    assert job(dash, "pull", sha=digest(b"another")).result == ["EDIGEST"]

    left = [path for path in dash.state.rglob("*") if path.is_file()]
    assert [path.name for path in left if SECRET in path.read_bytes()] == []


def test_a_restore_of_what_somebody_cleared_away_is_not_begun_for_ever(dash: Node) -> None:
    (dash.state / "held").write_text("key seal EGATE k2v5 due key\n")

    assert job(dash, "restore").result[2] == "OK"

    assert (dash.state / "held").read_text() == "key seal EGATE k2v5 failed key\n"


def test_a_repair_without_the_image_says_so_and_starts_nothing(dash: Node) -> None:
    (dash.root / "no-image").touch()

    ran = job(dash, "repair")

    assert ran.result[2:4] == ["ENOTPULLED", "img1"]
    assert not ran.ups


@pytest.mark.parametrize(("retry", "left"), [("key", False), ("another", True)])
def test_a_try_that_a_person_asked_for_is_not_lost_with_its_job(
    dash: Node, retry: str, left: bool
) -> None:
    held = dash.state / "held"
    held.write_text("key seal EGATE k2v5 restored key\n")
    docker = f"case $* in version) exit 1 ;; esac{DOCKER.replace('ROOT', str(dash.root))}"

    ran = job(toolbox(dash, **REAL, docker=docker, sleep="exec REAL 0.1"), "up", retry=retry)

    assert ran.result[2] == "EDOCKER"
    assert held.exists() is left, "what is held is not tried again"


@pytest.mark.parametrize(("mode", "then"), [(0o600, 0o600), (0o640, 0o640), (0o664, 0o644)])
def test_a_compose_file_that_is_closed_to_others_stays_so(
    dash: Node, mode: int, then: int
) -> None:
    file = dash.app / "docker-compose.yml"
    file.write_bytes(OLD)
    file.chmod(mode)

    assert job(dash, "up").result[2] == "OK"

    assert file.read_bytes() == FILE
    assert file.stat().st_mode & 0o7777 == then
