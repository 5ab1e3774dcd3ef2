"""Running other programs: to their end with their output, or as a child that dies with us."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.steps import LabError


class Failed(LabError):
    """A program failed; carries all that it said, since nobody can look again later."""

    def __init__(self, argv: tuple[str, ...], code: int, out: str, err: str) -> None:
        super().__init__(f"{' '.join(argv)[:200]}: exit {code}: {(err or out)[-2000:].strip()}")
        self.code, self.out, self.err = code, out, err


def run(
    *argv: str,
    input: str | None = None,  # noqa: A002 - the word subprocess uses
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 120,
) -> str:
    """Standard output of a program that must succeed in time."""
    code, out, err = attempt(*argv, input=input, env=env, cwd=cwd, timeout=timeout)
    if code:
        raise Failed(argv, code, out, err)
    return out


def attempt(
    *argv: str,
    input: str | None = None,  # noqa: A002 - as above
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 120,
) -> tuple[int, str, str]:
    """Exit code, output and errors; for callers to whom failure is an answer."""
    try:
        done = subprocess.run(
            argv,
            input=input if input is not None else "",
            env={**os.environ, **(env or {})},
            cwd=cwd,
            timeout=timeout,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(argv, 124, "", f"not done after {error.timeout:g} s") from None
    except FileNotFoundError:
        raise LabError(f"no program {argv[0]!r} on this machine") from None
    return done.returncode, done.stdout, done.stderr


@dataclass(frozen=True)
class Child:
    """A server of this run. The kernel kills it when we die, however we die."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @classmethod
    def start(cls, *argv: str, log: Path, last: str = "KILL") -> "Child":
        """The kernel sends `last` when the calling *thread* ends: call it on one that stays."""
        with log.open("ab") as file:
            process = subprocess.Popen(
                ("setpriv", "--pdeathsig", last, *argv),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,  # Ctrl-C is for us; we end our children in order
            )
        return cls(process, log)

    def check(self) -> None:
        """Say at once, with the log's end, when a child that should run has died."""
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-1500:]
            raise RuntimeError(f"{self.log.stem} ended with {self.process.returncode}: {tail}")

    def stop(self, grace: float = 10) -> None:
        self.process.terminate()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
