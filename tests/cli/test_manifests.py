"""Objects from files: as kubectl would take them, refused where the API server would refuse."""

import base64
from pathlib import Path

import pytest

from kaitu.cli.manifests import Manifests, load
from kaitu.cli.usage import UsageError
from kaitu.core.desired import Reference
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.core.secrets import Secret

CANARY = "canary-71aa"
NODE = "apiVersion: fleet.kaitu.io/v1alpha1\nkind: KaituNode\nmetadata: {name: a}\nspec: {}\n"
KEY = f"""
apiVersion: v1
kind: Secret
metadata: {{name: ssh}}
type: kubernetes.io/ssh-auth
stringData: {{ssh-privatekey: {CANARY}}}
"""
ENV = """
apiVersion: v1
kind: Secret
metadata: {name: env, labels: {fleet.kaitu.io/use: env}}
data: {radius: %s}
"""
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: text}\n"


def loaded(folder: Path, text: str) -> Manifests:
    (folder / "one.yaml").write_text(text)
    return load([str(folder)])


def test_many_documents_and_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text(f"{MAP}---\n---\n{KEY}")
    (tmp_path / "note.txt").write_text("kind: KaituNode")
    (tmp_path / "kustomization.yaml").write_text("resources: [b.yml]")
    (tmp_path / "below.yaml").mkdir()

    found = loaded(tmp_path, NODE)

    assert set(found.nodes) == {("default", "a")}
    assert found.value("default", Reference("ConfigMap", "c", "k")) == Secret("text")
    assert found.private_key("default", "ssh") == Secret(CANARY)


def test_a_list_as_kubectl_prints_it(tmp_path: Path) -> None:
    items = '[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"x"}}]'
    found = loaded(tmp_path, f'{{"apiVersion":"v1","kind":"List","items":{items}}}')
    assert set(found.objects) == {("ConfigMap", "x", "c")}


def test_both_spellings_of_a_secret(tmp_path: Path) -> None:
    found = loaded(tmp_path, ENV % base64.b64encode(b"value").decode())
    assert found.value("default", Reference("Secret", "env", "radius")) == Secret("value")


def test_a_date_stays_text(tmp_path: Path) -> None:
    found = loaded(tmp_path, MAP.replace("text", "2026-01-31"))
    assert found.value("default", Reference("ConfigMap", "c", "k")) == Secret("2026-01-31")


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (Reference("ConfigMap", "other", "k"), Reason.REFERENCE_NOT_FOUND),
        (Reference("ConfigMap", "c", "other"), Reason.REFERENCE_NOT_FOUND),
        (Reference("Secret", "ssh", "ssh-privatekey"), Reason.REFERENCE_INVALID),
    ],
)
def test_what_is_not_there_or_may_not_be_sent(
    tmp_path: Path, reference: Reference, reason: Reason
) -> None:
    found = loaded(tmp_path, f"{MAP}---{KEY}").value("default", reference)
    assert isinstance(found, KaituError)
    assert found.reason is reason
    assert CANARY not in str(found)


def test_a_merge_may_be_overridden(tmp_path: Path) -> None:
    text = MAP.replace("{k: text}", "{<<: &a {k: a, l: b}, k: text}")
    found = loaded(tmp_path, text)
    assert found.value("default", Reference("ConfigMap", "c", "k")) == Secret("text")
    assert found.value("default", Reference("ConfigMap", "c", "l")) == Secret("b")


def test_no_object_of_another_namespace_is_found(tmp_path: Path) -> None:
    found = loaded(tmp_path, MAP)
    assert isinstance(found.value("other", Reference("ConfigMap", "c", "k")), KaituError)
    with pytest.raises(KaituError, match="KeyNotFound"):
        found.private_key("other", "ssh")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"a: {CANARY}: b", "line 1: is no YAML"),
        (f"a: [\x00{CANARY}", "is no YAML"),
        (f"a: {CANARY}\na: {CANARY}\n", "line 2: a key is there twice"),
        (KEY.replace("{ssh", f"{{ssh-privatekey: {CANARY}, ssh"), "line 6: a key is there twice"),
        (NODE.replace("v1alpha1", "v2"), "apiVersion of a KaituNode must be"),
        (NODE.replace("{name: a}", "{name: 'A b'}"), "has no name"),
        (NODE.replace("{name: a}", f"[{CANARY}]"), "has no name"),
        (NODE.replace("{name: a}", "{name: a, namespace: 'x/y'}"), "has no name"),
        (NODE.replace("{}", "[1]"), "spec is no map"),
        (KEY.replace(CANARY, "17"), "stringData holds a value that is no text"),
        (MAP.replace("{k: text}", "[x]"), "data is no map"),
        (f"{MAP}---\n{MAP.replace('text', CANARY)}", "is in"),
    ],
)
def test_what_is_refused_is_never_quoted(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text)
    assert said in str(caught.value)
    assert CANARY not in str(caught.value)


def test_the_same_twice_is_no_conflict(tmp_path: Path) -> None:
    assert len(loaded(tmp_path, f"{MAP}---\n{MAP}").objects) == 1


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff")
    for place in (tmp_path / "nothing", tmp_path):
        with pytest.raises(UsageError):
            load([str(place)])
