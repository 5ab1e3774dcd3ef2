"""All commands as one program."""

import logging

import typer

from kaitu.cli import commands
from kaitu.cli.kube import asks, doctor, looks

app = typer.Typer(
    name="kaituctl",
    help="See, ask and change a fleet of KaituNodes: get to version over the API server, with "
    "the rights of your kubeconfig; plan, apply and import from YAML files, without a cluster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a secret
)


@app.callback()
def _quiet() -> None:
    for noisy in ("asyncssh", "asyncio", "kubernetes"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


for part in (looks.app, asks.app, doctor.app, commands.app):
    app.registered_commands += part.registered_commands
