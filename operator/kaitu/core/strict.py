"""YAML as Kubernetes takes it: a key that is there twice is a mistake, not a choice."""

from typing import Any, Final

import yaml
from yaml.composer import ComposerError

TWICE: Final = "a key is there twice"


def line_of(error: yaml.YAMLError) -> str:
    """``, line N`` where that is known. All else that YAML says quotes the file, secrets too."""
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}" if mark else ""


class StrictLoader(yaml.SafeLoader):
    """A SafeLoader that refuses a mapping with the same key twice; what it says quotes nothing."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Checked before ``<<`` is merged in: what stands beside that may override it."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else key
            if name in seen:
                raise ComposerError(None, None, TWICE, key.start_mark)
            seen.add(name)
        return node
