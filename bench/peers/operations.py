"""What `check.sh` looks at, by pyinfra's operations."""

import json
from pathlib import Path

from pyinfra import host
from pyinfra.facts.server import Command
from pyinfra.operations import files, server

work = Path(host.data.work)
wanted = json.loads((work / "wanted.json").read_text())

files.put(src=str(work / "docker-compose.yml"), dest=wanted["compose"], mode=False)
for one in wanted["env"]:
    files.line(path=wanted["dotenv"], line=f"^{one['name']}=.*$", replace=one["line"])
for path in wanted["files"]:
    files.put(src=str(work / Path(path).name), dest=path, mode=False)
for key, value in wanted["kernel"].items():
    server.sysctl(key=key, value=int(value) if value.isdigit() else value)
running = host.get_fact(Command, command="docker ps --format '{{.Names}}'")
assert set(wanted["services"]) <= set(running.split()), running
