"""What lives on a node that nobody has described yet: the answer of ``read_deployment.sh``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from kaitu.core.aspect import Answers, rows
from kaitu.core.command import Command
from kaitu.core.errors import UnparsableError
from kaitu.core.k2 import OPEN, check_variable
from kaitu.core.text import one_line, unbase64

SCRIPT: Final = "read_deployment"
_NO_FILE: Final = frozenset({"absent", "unsafe", "long", "secret"})


@dataclass(frozen=True, slots=True)
class Living:
    """``file`` is the compose file, or the word that says why there is none: absent, unsafe, long,
    or secret where it sets K2_NODE_SECRET itself.

    ``values`` are the variables that can be no secret; ``names`` all others, without their values;
    ``cron`` the files of ours by file name.
    """

    file: bytes | str = field(repr=False)
    values: Mapping[str, str]
    names: tuple[str, ...]
    cron: Mapping[str, bytes]


def question(directory: str) -> Command:
    forms = "".join(f"{name} {form}\n" for name, form in OPEN.items()).encode()
    return Command(SCRIPT, (directory, str(len(forms))), forms)


def parse_living(answers: Answers) -> Living:
    """Raises ``UnparsableError`` where a line is not as the script says."""
    files: list[bytes | str] = []
    values: dict[str, str] = {}
    names: list[str] = []
    cron: dict[str, bytes] = {}
    for row in rows(answers, SCRIPT):
        match row:
            case ["file", word]:
                files.append(word if word in _NO_FILE else unbase64(word, "the compose file"))
            case ["value", name, value] if name in OPEN and check_variable(name, value) is None:
                values[name] = value
            case ["value" | "name", name, *_]:
                names.append(one_line(name))
            case ["cron", name, content]:
                file = unbase64(name, "a file name of cron").decode(errors="replace")
                cron[file] = unbase64(content, "a file of cron")
            case _:
                raise UnparsableError(f"a line that starts with {one_line(row[0])!r}")
    if len(files) != 1:
        raise UnparsableError("the compose file must be told of once")
    return Living(files[0], values, tuple(sorted(names)), cron)
