"""The commands that work from files, without a cluster."""

import asyncio
import shlex
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import typer

from kaitu.api.policy import Policy, parse
from kaitu.cli import living, run, state
from kaitu.cli.describe import Described
from kaitu.cli.manifests import Key, Manifests, load
from kaitu.cli.node import Reach
from kaitu.cli.options import (
    Accept,
    AcceptAny,
    Directory,
    Files,
    Folder,
    HostKey,
    Identity,
    KeyFile,
    KeySecret,
    Name,
    Nodes,
    Output,
    Place,
    PolicyFile,
    Port,
    Pull,
    Retry,
    Shown,
)
from kaitu.cli.run import Run
from kaitu.cli.show import Progress, as_json, console
from kaitu.cli.usage import UsageError
from kaitu.cli.verdict import Told
from kaitu.core.desired import DEFAULT_DIRECTORY
from kaitu.core.errors import KaituError
from kaitu.core.release import HELD
from kaitu.core.secrets import Secret
from kaitu.remote.pool import Pool

T = TypeVar("T")
INTERRUPTED: Final = 130
KEY_OBJECT: Final = "kaitu-ssh"

app = typer.Typer()


@app.command()
def plan(
    files: Files,
    node: Nodes = [],  # noqa: B006 - nobody changes it
    policy: PolicyFile = None,
    identity: KeyFile = None,
    accept: Accept = "",
    output: Shown = Output.TEXT,
) -> None:
    """Show what differs and what would be done; nothing is written on any node.

    Exit code: 0 in sync, 1 differences, 2 usage, 3 trouble.
    """
    manifests = load(files)
    keys = _chosen(manifests, node)
    made = _run(manifests, policy, identity, accept, state.known())
    told = _await(run.plan(made, keys))
    _show(told, output)
    raise typer.Exit(_worst(told))


@app.command()
def apply(
    files: Files,
    node: Nodes = [],  # noqa: B006 - nobody changes it
    policy: PolicyFile = None,
    identity: KeyFile = None,
    accept: Accept = "",
    retry: Retry = "",
    pull: Pull = False,
) -> None:
    """Bring the nodes to what the files say, one after the other.

    Exit code: 0 in sync, 1 differences left, 2 usage, 3 trouble.
    """
    if retry and not HELD.fullmatch(retry):
        raise UsageError("--retry takes what a plan shows as held, 16 hexadecimal digits")
    manifests = load(files)
    keys = _chosen(manifests, node)
    made = _run(manifests, policy, identity, accept, state.raise_fence())
    made.retry, made.pull = retry, pull
    look = shlex.join(["kaituctl", "plan", *(word for place in files for word in ("-f", place))])
    told = _await(
        run.apply(made, keys),
        "stopped; a job that has been started on a node goes on there by itself, and the next "
        f"apply takes it up. Look at it with: {look}",
    )
    raise typer.Exit(_worst(told))


def _await(work: Coroutine[Any, Any, T], last_word: str = "stopped") -> T:
    """The result of ``work``. Ctrl-C ends it at once, with a code that is no answer."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        console(stderr=True).print(last_word)
        raise typer.Exit(INTERRUPTED) from None


@app.command("import")
def import_(
    target: Place,
    port: Port = 22,
    identity: Identity = Path("~/.ssh/id_ed25519"),
    host_key: HostKey = "",
    accept: AcceptAny = False,
    directory: Directory = DEFAULT_DIRECTORY,
    name: Name = "",
    secret: KeySecret = KEY_OBJECT,
    policy: PolicyFile = None,
    folder: Folder = None,
) -> None:
    """Read a living node and write the YAML that matches it, in mode Observe, secrets left out.

    Nothing is written on the node. Of its .env only values that can be no secret are read.
    """
    to, rules = living.place(target, port), _policy(policy)
    key = Secret(text(identity.expanduser()))
    made = living.Import(to, key, rules, directory, name or living.node_name(to.host), secret)
    described = _await(made.read(host_key, accept=accept))
    texts = living.files(described)
    if folder:
        said = [str(path) for path in living.write(folder, texts)]
    else:
        typer.echo("---\n".join(texts.values()))
        said = []
    _imported(described, said, made, identity)


def _imported(
    described: Described, said: Sequence[str], made: living.Import, identity: Path
) -> None:
    """What was left out, what is missing, and whether a plan of it is empty."""
    aside = console(stderr=True)
    for line in (*(f"wrote {path}" for path in said), *(f"note: {n}" for n in described.notes)):
        aside.print(line)
    aside.print(
        f"its key: kubectl create secret generic {made.secret} --type kubernetes.io/ssh-auth "
        f"--from-file ssh-privatekey={identity}, or --identity {identity} for kaituctl"
    )
    run_ = Run(
        described.manifests, Reach(Pool(), made.policy), state.known(), Progress(aside), made.key
    )
    told = _await(run.plan(run_, list(described.manifests.nodes)))
    aside.print("a plan of it:")
    for one in told:
        run_.progress.result(one)


def _run(
    manifests: Manifests,
    policy: Path | None,
    identity: Path | None,
    accept: str,
    who: state.Installation,
) -> Run:
    return Run(
        manifests=manifests,
        reach=Reach(Pool(), _policy(policy), accept),
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
    named = {_named(found, name) for name in names}
    return [key for key in found if not names or key in named]


def _named(found: Sequence[Key], name: str) -> Key:
    """One node by its name, which must be that of one alone, or by NAMESPACE/NAME."""
    fitting = [key for key in found if name in {key[1], "/".join(key)}]
    if not fitting:
        raise UsageError(f"the files hold no KaituNode {name}")
    if len(fitting) > 1:
        several = ", ".join("/".join(key) for key in fitting)
        raise UsageError(f"{name} is the name of several nodes; say which: {several}")
    return fitting[0]


def _show(told: Sequence[Told], output: Output) -> None:
    if output is Output.JSON:
        typer.echo(as_json(told))
        return
    shown = Progress(console())
    for one in told:
        shown.result(one)


def _worst(told: Sequence[Told]) -> int:
    return max(one.code for one in told)
