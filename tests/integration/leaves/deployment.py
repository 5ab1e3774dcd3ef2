"""Rows of the stack and of its variables."""

from typing import Any

from integration.leaves.stage import Rows, Stage
from lab import fleet
from lab.stack import FOLDER, stack
from lab.wait import until

OTHER_FOLDER = "/apps/other"
JOB = "/var/lib/kaitu-operator/job"
LATE = stack("v2").replace("${READY_DELAY:-1}", "8")
SICK = {"test": ["CMD", "false"], "interval": "1s", "retries": 1}


def releases() -> list[dict[str, Any]]:
    """A release for each row that fails: what a failed one left on the node is its own."""
    sick = stack("v2").replace(
        "container_name: k2-oc", f"container_name: k2-oc\n    healthcheck: {SICK}"
    )
    texts = {
        "1.0.0": stack("v1"),
        "1.1.0": stack("v2"),
        "jittered": stack("v2") + "# jittered\n",
        "unpulled": stack("v2") + "# unpulled\n",
        "late": LATE,
        "kept": LATE + "# kept\n",
        "sick": sick,
    }
    files = {"a.yml": stack("v2"), "b.yml": stack("v2") + "# b\n"}
    named = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files"}, "data": files}
    return [named, *(fleet.release(version, text) for version, text in texts.items())]


def compose_mode(s: Stage) -> None:
    image = running(s)
    s.edit(compose={"mode": "Observe", "version": "1.1.0"})
    seen = s.sees(lambda n: n.aspect("compose").get("state") == "Observed", "observed compose")
    assert any("1.1.0" in step["text"] for step in seen.status["plan"]["steps"])
    assert running(s) == image


def running(s: Stage) -> str:
    return s.node.run("docker inspect -f '{{.Config.Image}}' k2v5").strip()


def version(s: Stage) -> None:
    seen = s.move(compose={"version": "1.1.0"})
    assert seen.status["compose"]["version"] == "1.1.0"
    assert running(s) == "registry.lab:5000/k2v5:v2"


def directory(s: Stage) -> None:
    s.edit(compose={**s.standing["compose"], "directory": "/etc/ssh"})
    s.says("InSync", "PolicyDenied")
    s.edit(compose={**s.standing["compose"], "directory": OTHER_FOLDER})
    assert OTHER_FOLDER in s.says("InSync", "ProtectedMissing")
    s.shows(f"ls {OTHER_FOLDER}/docker-compose.yml", f"{OTHER_FOLDER}/docker-compose.yml")


def minimum_plugin(s: Stage) -> None:
    s.edit(compose={**s.standing["compose"], "minimumPlugin": "99.0"})
    s.says("InSync", "ComposeUnsupported")


def _file(name: str, key: str) -> dict[str, Any]:
    return {"version": "1.1.0", "file": {"configMapRef": {"name": name, "key": key}}}


def file_name(s: Stage) -> None:
    s.edit(compose=_file("none", "a.yml"))
    assert "none" in s.says("InSync", "ReferenceNotFound")


def file_key(s: Stage) -> None:
    s.move(compose=_file("files", "b.yml"))
    s.shows(f"tail -n 1 {FOLDER}/docker-compose.yml", "# b")


def inline(s: Stage) -> None:
    s.move(compose={"version": "1.1.0", "file": {"inline": stack("v2") + "# inline\n"}})
    s.shows(f"tail -n 1 {FOLDER}/docker-compose.yml", "# inline")


def attempts(s: Stage) -> None:
    s.registry.misbehave(mode="status", code=500)
    try:
        s.node.run("docker pull registry.lab:5000/k2-sidecar:v2", check=False)
        once = s.registry.stats()["manifests"]
        s.registry.misbehave(mode="status", code=500)
        s.edit(compose={"version": "unpulled", "update": {"attempts": 2}})
        s.says("InSync", "PullFailed")
        assert s.registry.stats()["manifests"] == 2 * once
    finally:
        s.registry.behave()


def jitter(s: Stage) -> None:
    """A random delay of up to an hour; the way back need not wait for its end."""
    s.edit(compose={"version": "jittered", "update": {"jitter": "1h"}})
    until(lambda: " jitter\n" in s.node.read(f"{JOB}/state"), 300, "job that waits")
    s.restore()


def gate_services(s: Stage) -> None:
    update = {"gate": {"services": ["k2-oc"], "timeout": "10s"}}
    s.edit(compose={"version": "sick", "update": update})
    assert "k2-oc" in s.says("InSync", "GateFailed")


def gate_timeout(s: Stage) -> None:
    s.edit(compose={"version": "late", "update": {"gate": {"timeout": "1s"}}})
    assert "k2-sidecar" in s.says("InSync", "GateFailed")


def on_failure(s: Stage) -> None:
    update = {"onFailure": "Hold", "gate": {"timeout": "1s"}}
    s.edit(compose={"version": "kept", "update": update})
    assert "onFailure: Hold" in s.says("InSync", "GateFailed")


def _pinned(service: str) -> dict[str, Any]:
    return {"version": "1.1.0", "images": [{"service": service, "digest": f"sha256:{'0' * 64}"}]}


def pin_service(s: Stage) -> None:
    s.edit(compose=_pinned("nobody"))
    assert "nobody" in s.says("InSync", "InvalidSpec")


def pin_digest(s: Stage) -> None:
    s.edit(compose=_pinned("k2-oc"))
    assert "k2-oc" in s.says("InSync", "ImageNotFound")


def _every_minute(jitter: str) -> dict[str, Any]:
    return {"version": "1.1.0", "autoUpdate": {"schedule": "* * * * *", "jitter": jitter}}


def _pulls(s: Stage) -> None:
    s.registry.behave()
    until(lambda: s.registry.stats()["manifests"], 180, "pull by schedule")


def auto_schedule(s: Stage) -> None:
    s.edit(compose=_every_minute("0s"))
    _pulls(s)


def auto_jitter(s: Stage) -> None:
    s.move(compose=_every_minute("0s"))
    _pulls(s)
    s.move(compose=_every_minute("12h"))
    s.registry.behave()
    before = s.visits()
    until(lambda: s.visits() > before + 1, 120, "another visit")
    assert not s.registry.stats()["manifests"], "its place in twelve hours is not now"
    s.edit(compose=_every_minute("0s"))
    _pulls(s)


# ------------------------------------------------------------------------------------------ env


def env_mode(s: Stage) -> None:
    s.edit(env={"mode": "Observe", "vars": [{"name": "K2_LOG_LEVEL", "value": "error"}]})
    assert "env is in mode Observe" in s.says("InSync", "SectionObserved")
    s.shows(f"grep -c LEVEL=info {FOLDER}/.env", "1")


def env_name(s: Stage) -> None:
    s.move(env={"vars": [{"name": "K2_LEAF", "value": "leaf"}]})
    s.shows(f"grep K2_LEAF {FOLDER}/.env", "K2_LEAF=leaf")


def env_value(s: Stage) -> None:
    s.move(env={"vars": [{"name": "K2_LOG_LEVEL", "value": "warn"}]})
    s.shows(f"grep K2_LOG_LEVEL {FOLDER}/.env", "K2_LOG_LEVEL=warn")


def _from_secret(name: str, key: str) -> dict[str, Any]:
    source = {"secretKeyRef": {"name": name, "key": key}}
    return {"vars": [{"name": "K2_LOG_LEVEL", "valueFrom": source}]}


def secret_name(s: Stage) -> None:
    s.move(env=_from_secret("second", "level"))
    s.shows(f"grep K2_LOG_LEVEL {FOLDER}/.env", "K2_LOG_LEVEL=debug")


def secret_key(s: Stage) -> None:
    s.move(env=_from_secret("leaf", "other"))
    s.shows(f"grep K2_LOG_LEVEL {FOLDER}/.env", "K2_LOG_LEVEL=error")


ROWS: Rows = {
    "compose.mode": compose_mode,
    "compose.version": version,
    "compose.directory": directory,
    "compose.minimumPlugin": minimum_plugin,
    "compose.file.configMapRef.name": file_name,
    "compose.file.configMapRef.key": file_key,
    "compose.file.inline": inline,
    "compose.update.attempts": attempts,
    "compose.update.jitter": jitter,
    "compose.update.gate.services[]": gate_services,
    "compose.update.gate.timeout": gate_timeout,
    "compose.update.onFailure": on_failure,
    "compose.images[].service": pin_service,
    "compose.images[].digest": pin_digest,
    "compose.autoUpdate.schedule": auto_schedule,
    "compose.autoUpdate.jitter": auto_jitter,
    "env.mode": env_mode,
    "env.vars[].name": env_name,
    "env.vars[].value": env_value,
    "env.vars[].valueFrom.secretKeyRef.name": secret_name,
    "env.vars[].valueFrom.secretKeyRef.key": secret_key,
}
