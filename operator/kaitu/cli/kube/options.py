"""kubectl's flags, with kubectl's names."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kaitu.cli.kube import complete
from kaitu.cli.kube.tables import Format


class Data(StrEnum):
    """Text for people, or JSON for programs."""

    TEXT = "text"
    JSON = "json"


def _plain(value: bool) -> bool:
    """As the environment variable of everybody else says it."""
    if value:
        os.environ["NO_COLOR"] = "1"
    return value


Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NODE]...", help="KaituNodes by name.", autocompletion=complete.nodes),
]
Node = Annotated[
    str, typer.Argument(metavar="NODE", help="A KaituNode.", autocompletion=complete.nodes)
]
Namespace = Annotated[
    str,
    typer.Option(
        "-n",
        "--namespace",
        metavar="NS",
        help="The namespace; default: that of the context.",
        autocompletion=complete.namespaces,
    ),
]
Everywhere = Annotated[bool, typer.Option("-A", "--all-namespaces", help="In all namespaces.")]
Selector = Annotated[
    str, typer.Option("-l", "--selector", metavar="SELECTOR", help="By labels, as in kubectl.")
]
All = Annotated[bool, typer.Option("--all", help="All nodes of the namespace.")]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        metavar="NAME",
        help="The context of the kubeconfig.",
        autocompletion=complete.contexts,
    ),
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option("--kubeconfig", metavar="FILE", help="The kubeconfig; default: $KUBECONFIG."),
]
NoColor = Annotated[
    bool, typer.Option("--no-color", callback=_plain, help="No colours, as with NO_COLOR=1.")
]
Output = Annotated[Format, typer.Option("-o", "--output", help="How to show it.")]
Shown = Annotated[Data, typer.Option("-o", "--output", help="How to show it.")]
Follow = Annotated[bool, typer.Option("-w", "--watch", help="Go on: a line for each change.")]
Wait = Annotated[bool, typer.Option("--wait", help="Until the visit has been made.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Ask for a visit first, and await it.")]
Timeout = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="How long to wait, such as 90s or 5m.")
]
From = Annotated[
    str,
    typer.Option("--from", metavar="ID", help="The installation that owns the node now."),
]
Fingerprint = Annotated[
    str, typer.Argument(metavar="SHA256:…", help="What the node itself shows on its console.")
]
