"""All of it in one execution."""

from pathlib import Path

from pyinfra import host
from pyinfra.operations import server

server.shell(commands=[(Path(host.data.work) / "check.sh").read_text()])
