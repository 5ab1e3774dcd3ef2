"""The compose files that the lab's nodes run: the fleet's two architectures in miniature."""

from pathlib import Path

STACKS = Path(__file__).parent / "stacks"
FOLDER = "/apps/kaitu-slave"

NEW_STACK = (STACKS / "new.yml").read_text()
OLD_STACK = (STACKS / "old.yml").read_text()
ENV_SAMPLE = (STACKS / "env.sample").read_text()


def stack(version: str, text: str = NEW_STACK) -> str:
    """The stack with a literal image tag, as a CR that pins a release has it."""
    return text.replace("${K2_TAG:-latest}", version)
