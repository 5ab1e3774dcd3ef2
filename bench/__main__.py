"""What the operator costs, on a real API server and real nodes. Nothing is asserted here.

`python -m bench ROW...` measures the rows of these names, without any all of them, in this order.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bench import peers, process, release, scale, shards, within
from bench.say import Say, machine, say
from bench.setting import Setting
from lab.run import Lab
from lab.steps import LabError

ROWS: dict[str, Callable[[Setting, Say], None]] = {
    "trips": within.trips,
    "mind": within.mind,
    "together": within.together,
    "cold": within.cold,
    "kept": within.kept,
    "node": within.on_the_node,
    "docker": within.docker,
    "visit": process.visit,
    "peers": peers.measure,
    "repair": process.repair,
    "edit": process.edit,
    "mend": process.mend,
    "start": process.start,
    "memory": process.memory,
    "release": release.measure,
    "scale": scale.measure,
    "sweep": scale.sweep,
    "churn": scale.churn,
    "shards": shards.measure,
}


def main(names: list[str]) -> None:
    if unknown := set(names) - ROWS.keys():
        raise LabError(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    began = time.monotonic()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {machine()}", flush=True)
    with Lab.open() as lab:
        setting = Setting(lab)
        for name in names or ROWS:
            ROWS[name](setting, say)
    print(f"in {time.monotonic() - began:.0f} s; {machine()}")


if __name__ == "__main__":
    main(sys.argv[1:])
