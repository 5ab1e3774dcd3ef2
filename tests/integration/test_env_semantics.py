"""What the probe says of a .env is what the node's own docker compose reads in it.

Real compose judges many random files at once: one compose file, a service for each of them.
KAITU_SEED and KAITU_COUNT choose others; evidence adds up over runs with different seeds.
"""

import base64
import io
import json
import os
import random
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from aspects import dotenvs
from aspects.fragments import FILES, SCRIPTS
from kaitu.aspects import env
from kaitu.core.aspect import Answer
from kaitu.core.facts import EnvFacts
from lab.command import Failed
from lab.node import Node

NODE = {"engine": False}
SEED = int(os.environ.get("KAITU_SEED", "1"))
COUNT = int(os.environ.get("KAITU_COUNT", "200"))
ROOT = "/root/semantics"
CONFIG = (
    "env -i PATH=$PATH HOME=/root docker compose"
    f" -p all -f - --project-directory {ROOT} config --format json"
)
Truth = Mapping[str, str] | None


def unpack(node: Node, files: Mapping[str, str]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            data = text.encode()
            about = tarfile.TarInfo(name)
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
    sent = base64.b64encode(packed.getvalue()).decode()
    node.run(f"mkdir -p {ROOT} && base64 -d | tar xz -C {ROOT}", input=sent)


def judged(node: Node, numbers: Sequence[int]) -> dict[int, Truth]:
    """What compose reads in each file; None where it refuses the file.

    It does not say which of many files it refuses, so they are halved until one is left.
    """
    services = {f"s{n}": {"image": "none", "env_file": f"{n}/d/.env"} for n in numbers}
    try:
        config = json.loads(node.run(CONFIG, input=json.dumps({"services": services})))
    except Failed:
        middle = len(numbers) // 2
        if not middle:
            return {numbers[0]: None}
        return judged(node, numbers[:middle]) | judged(node, numbers[middle:])
    return {n: read(config["services"][f"s{n}"].get("environment")) for n in numbers}


def read(environment: Mapping[str, str | None] | None) -> dict[str, str]:
    """In its output compose doubles every dollar; names without a value are not set."""
    found = (environment or {}).items()
    return {name: value.replace("$$", "$") for name, value in found if value is not None}


def probed(node: Node, wishes: list[dict[str, str]]) -> list[EnvFacts]:
    """The shipped fragment, once for each file, in one shell of the node."""
    asked = {
        f"{n}/data": "/d\n" + "".join(f"{name}={value}\n" for name, value in wish.items())
        for n, wish in enumerate(wishes)
    }
    script = "".join((SCRIPTS / file).read_text() for file in FILES)
    loop = f"""set -u; LC_ALL=C; export LC_ALL; {script}
    n=0
    while [ "$n" -lt {len(wishes)} ]; do
        KAITU_ROOT={ROOT}/$n; probe_env <"$KAITU_ROOT/data" | base64 -w0; echo; n=$((n + 1))
    done"""
    unpack(node, {**asked, "loop": loop})
    out = node.run(f"sh {ROOT}/loop", timeout=600)
    answers = (Answer(0, base64.b64decode(line)) for line in out.splitlines())
    return [env.parse({"env": answer}, {}) for answer in answers]


def test_the_probe_reads_as_compose_does(node: Node) -> None:
    print(f"seed {SEED}, {COUNT} files")
    dice = random.Random(SEED)  # noqa: S311 - a seed that can be repeated is the point
    texts = [dotenvs.text(dice) for _ in range(COUNT)]
    unpack(node, {f"{n}/d/.env": text for n, text in enumerate(texts)})
    verdicts = judged(node, range(COUNT))
    truths = [verdicts[n] for n in range(COUNT)]
    wishes = [
        {name: dotenvs.wish(dice, (truth or {}).get(name)) for name in dotenvs.WANTED}
        for truth in truths
    ]

    facts = probed(node, wishes)

    wrong = [
        (text, said, wish, truth, list(dotenvs.disagreements(said, wish, truth)))
        for text, said, wish, truth in zip(texts, facts, wishes, truths, strict=True)
        if list(dotenvs.disagreements(said, wish, truth))
    ]
    seen = Counter(state for said in facts for state in said.states.values())
    print(f"{truths.count(None)} refused by compose; states {dict(seen)}")
    assert not wrong, f"seed {SEED}: {wrong[:3]}"
    assert seen.keys() >= {"same", "differs", "missing", "duplicate", "multiline", "unknown"}


@pytest.mark.parametrize("text", ["A='x", 'A="x\nB=1\n'])
def test_compose_refuses_what_the_probe_calls_unclosed(node: Node, text: str) -> None:
    unpack(node, {"0/d/.env": text})

    assert judged(node, [0]) == {0: None}
    assert probed(node, [{"A": "x"}])[0].unclosed
