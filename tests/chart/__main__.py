"""``make chart``: write all that follows from values.yaml, the templates and the models.

With the word ``plain``, as `make crds` says it: only what needs no Helm.
"""

import sys
from pathlib import Path

from chart import base
from chart.page import page
from chart.schema import values_schema
from chart.values import read


def written() -> dict[Path, str]:
    """What needs no Helm, by its path."""
    root = read((base.CHART / "values.yaml").read_text())
    readme = base.CHART / "README.md"
    crds = "kaitunodes.yaml"
    return {
        base.CHART / "values.schema.json": values_schema(root),
        readme: page(readme.read_text(), root),
        base.CHART / "files" / "crds" / crds: (base.ROOT / "crds" / crds).read_text(),
        **{base.BASE / name: text for name, text in base.plain().items()},
    }


def main(*words: str) -> None:
    for path, text in written().items():
        path.write_text(text)
    if "plain" not in words and stale():
        for name, text in base.rendered().items():
            (base.BASE / name).write_text(text)


def stale() -> bool:
    """Whether manifests/base was rendered from another chart than this, or edited since."""
    there = base.BASE / "kustomization.yaml"
    return not there.exists() or there.read_text() != base.kustomization(base.kept())


if __name__ == "__main__":
    main(*sys.argv[1:])
