"""The commands, and what each of their options means."""

import asyncio
import logging
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from kaitu.api.policy import Policy, parse
from kaitu.cli import run, state
from kaitu.cli.manifests import Key, Manifests, load
from kaitu.cli.run import Run
from kaitu.cli.show import Progress, as_json, console
from kaitu.cli.usage import UsageError
from kaitu.cli.verdict import Told
from kaitu.core.errors import KaituError
from kaitu.core.secrets import Secret

INTERRUPTED: Final = 130

app = typer.Typer(
    name="kaituctl",
    help="Plan and apply KaituNodes from YAML files, without a cluster.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a secret
)


class Output(StrEnum):
    """How results are shown."""

    TEXT = "text"
    JSON = "json"


Files = Annotated[
    list[str],
    typer.Option("-f", "--filename", metavar="FILE", help="A YAML file, a folder of them, or -."),
]
Nodes = Annotated[
    list[str], typer.Option("--node", metavar="NAME", help="Only this KaituNode; repeatable.")
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="The policy; default: the stated.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--identity", metavar="KEYFILE", help="Log in with this key, not a Secret's."),
]
Shown = Annotated[Output, typer.Option("-o", "--output", help="How to show the result.")]


@app.callback()
def _quiet() -> None:
    for noisy in ("asyncssh", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


@app.command()
def plan(
    files: Files,
    node: Nodes = [],  # noqa: B006 - typer copies it
    policy: PolicyFile = None,
    identity: KeyFile = None,
    output: Shown = Output.TEXT,
) -> None:
    """Show what differs and what would be done; nothing is written on any node.

    Exit code: 0 in sync, 1 differences, 2 usage, 3 trouble.
    """
    manifests = load(files)
    keys = _chosen(manifests, node)
    told = asyncio.run(run.plan(_run(manifests, policy, identity, state.known()), keys))
    _show(told, output)
    raise typer.Exit(_worst(told))


@app.command()
def apply(
    files: Files,
    node: Nodes = [],  # noqa: B006 - typer copies it
    policy: PolicyFile = None,
    identity: KeyFile = None,
) -> None:
    """Bring the nodes to what the files say, one after the other.

    Exit code: 0 in sync, 1 differences left, 2 usage, 3 trouble.
    """
    manifests = load(files)
    keys = _chosen(manifests, node)
    made = _run(manifests, policy, identity, state.raise_fence())
    try:
        told = asyncio.run(run.apply(made, keys))
    except KeyboardInterrupt:
        again = " ".join(f"-f {place}" for place in files)
        console().print(
            "stopped. A job that has been started on a node goes on there by itself; look at it "
            f"with: kaituctl plan {again}"
        )
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(_worst(told))


def _run(
    manifests: Manifests, policy: Path | None, identity: Path | None, who: state.Installation
) -> Run:
    return Run(
        manifests=manifests,
        policy=_policy(policy),
        installation=who,
        progress=Progress(console()),
        private_key=Secret(text(identity)) if identity else None,
    )


def _policy(file: Path | None) -> Policy:
    if file is None:
        return Policy()
    try:
        return parse(text(file))
    except KaituError as error:
        raise UsageError(f"{file}: {error.message}") from None


def text(file: Path) -> str:
    """The text of a file that the command line names."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{file} cannot be read") from None


def _chosen(manifests: Manifests, names: Sequence[str]) -> list[Key]:
    """The nodes in the order of the files, or those that were named."""
    found = list(manifests.nodes)
    if not found:
        raise UsageError("the files hold no KaituNode")
    if unknown := sorted(set(names) - {name for _, name in found}):
        raise UsageError(f"the files hold no KaituNode {unknown[0]}")
    return [key for key in found if not names or key[1] in names]


def _show(told: Sequence[Told], output: Output) -> None:
    if output is Output.JSON:
        typer.echo(as_json(told))
        return
    shown = Progress(console())
    for one in told:
        shown.result(one)


def _worst(told: Sequence[Told]) -> int:
    return max(one.code for one in told)
