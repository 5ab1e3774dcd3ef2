"""From the registry to ``docs/reference/metrics.md``, as ``make crds`` writes it."""

from pathlib import Path
from typing import Final

from kaitu.controller.metrics import described

FILE: Final = "docs/reference/metrics.md"

_HEAD: Final = """\
<!-- Generated from the registry by `make crds`; do not edit. -->

# Metrics

Served at `/metrics` of `--http`. Names and labels stay as they are from release to release. The
gauges of a node vanish with its KaituNode, and all of the fleet's are served by the leader alone.
`namespace` and `node` name the KaituNode: scrape with `honorLabels: true`, or the first becomes
`exported_namespace`. How to use them: [monitoring](../how-to/monitoring.md).

| metric | type | labels | meaning |
|---|---|---|---|
"""


def metrics() -> str:
    """The whole page."""
    rows = (
        f"| `{name}` | {kind} | {', '.join(f'`{one}`' for one in labels)} | {text} |\n"
        for name, kind, labels, text in described()
    )
    return _HEAD + "".join(rows) + _TAIL


_TAIL: Final = """
The usual metrics of the process (`process_*`, `python_*`) are served beside them.
"""


def main() -> None:
    """Write the page, from the root of the repository."""
    Path(FILE).parent.mkdir(parents=True, exist_ok=True)
    Path(FILE).write_text(metrics())


if __name__ == "__main__":
    main()
