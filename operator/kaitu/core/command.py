"""The fixed catalogue of remote commands: the only things that can ever run on a node.

A command is a script of ours (see ``scripts/``), plain words as arguments and data on stdin.
No string of a user is ever part of a script, and nothing secret is ever an argument.
"""

import re
from dataclasses import dataclass, field
from typing import Final

WORD: Final = re.compile(r"[A-Za-z0-9_./:@,=+-]{1,512}")


@dataclass(frozen=True, slots=True)
class Script:
    """One entry of the catalogue: the files it is made of, in order, and its time limit.

    ``mounts``: it runs in a mount namespace of its own, so that what it mounts nobody else sees.
    """

    files: tuple[str, ...]
    seconds: int
    writes: bool = True
    mounts: bool = False

    @property
    def most_bytes(self) -> int:
        """How long an answer may be: a probe's holds what many containers say of themselves."""
        return 4096 if self.writes else 1 << 20


_GUARD = ("frame.sh", "guard.sh")

CATALOGUE: Final[dict[str, Script]] = {
    "probe": Script(
        (
            "frame.sh",
            "fields.sh",
            "probe_host.sh",
            "docker.sh",
            "probe_docker.sh",
            "probe_sysctl.sh",
            "probe_cron.sh",
            "probe_env.sh",
            "probe_compose.sh",
            "probe.sh",
        ),
        seconds=50,
        writes=False,
    ),
    "foresee": Script(
        ("frame.sh", "docker.sh", "pins.sh", "env_merge.sh", "foresee.sh"),
        seconds=50,
        writes=False,
        mounts=True,
    ),
    "read_deployment": Script(
        ("frame.sh", "probe_env.sh", "read_deployment.sh"), seconds=20, writes=False
    ),
    "claim": Script((*_GUARD, "claim.sh"), seconds=20),
    "release": Script((*_GUARD, "write.sh", "release.sh"), seconds=20),
    "put_file": Script((*_GUARD, "write.sh", "put_file.sh"), seconds=30),
    "remove_file": Script((*_GUARD, "write.sh", "remove_file.sh"), seconds=30),
    "set_sysctl": Script((*_GUARD, "set_sysctl.sh"), seconds=20),
    "merge_env": Script(
        (*_GUARD, "write.sh", "env_merge.sh", "env_replace.sh", "merge_env.sh"), seconds=30
    ),
    "start_job": Script(
        (
            *_GUARD,
            "write.sh",
            "env_merge.sh",
            "env_replace.sh",
            "docker.sh",
            "pins.sh",
            "job.sh",
            "job_images.sh",
            "job_pull.sh",
            "job_swap.sh",
            "job_follow.sh",
            "start_job.sh",
        ),
        seconds=30,
    ),
}


@dataclass(frozen=True, slots=True)
class Command:
    """A catalogued script with its words and its data; the data may hold secrets."""

    script: str
    words: tuple[str, ...] = ()
    data: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.script not in CATALOGUE:
            raise ValueError(f"{self.script} is not in the catalogue of remote commands")
        for word in self.words:
            if not WORD.fullmatch(word):
                raise ValueError(f"{self.script}: {word!r} is not a plain word")


@dataclass(frozen=True, slots=True)
class Done:
    """What a writing command answered: a code of the closed set, and a word of detail."""

    code: str
    detail: str = ""
