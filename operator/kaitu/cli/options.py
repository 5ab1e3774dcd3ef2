"""The words of the command line, and what each means."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


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
    typer.Option("--identity", metavar="KEYFILE", help="The node's key, not that of a Secret."),
]
Accept = Annotated[
    str,
    typer.Option(
        "--accept-host-key",
        metavar="SHA256:…",
        help="With TrustOnFirstUse: the changed key of a node that may be trusted.",
    ),
]
Retry = Annotated[
    str, typer.Option("--retry", metavar="HELD", help="Try once more what is held by this name.")
]
Pull = Annotated[bool, typer.Option("--pull", help="Pull tags anew; update what has moved.")]
Shown = Annotated[Output, typer.Option("-o", "--output", help="How to show the result.")]

Place = Annotated[str, typer.Argument(metavar="USER@HOST", help="The living node.")]
Port = Annotated[int, typer.Option("--port", "-p", min=1, max=65535, help="Port of sshd.")]
Identity = Annotated[
    Path, typer.Option("--identity", metavar="KEYFILE", help="The private key to log in with.")
]
HostKey = Annotated[
    str, typer.Option("--host-key", metavar="LINE", help="The key that the node must show.")
]
AcceptAny = Annotated[
    bool, typer.Option("--accept-host-key", help="Pin whatever key the node shows now.")
]
Directory = Annotated[
    str, typer.Option("--directory", help="Where the deployment is on the node.")
]
Name = Annotated[str, typer.Option("--name", help="Name of the KaituNode.")]
KeySecret = Annotated[
    str, typer.Option("--key-secret", metavar="NAME", help="The Secret that will hold the key.")
]
Folder = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FOLDER", help="Write there, not to stdout."),
]
