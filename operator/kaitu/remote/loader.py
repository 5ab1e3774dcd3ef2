"""How a command of the catalogue becomes one command line and the bytes of its stdin. Pure.

The command line is fixed text and plain words, for sudo and auditd write it to the node's logs.
The script travels on stdin, proven by its digest before a line of it runs; the data follow it.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final

from kaitu.core.command import CATALOGUE, Command, Script
from kaitu.core.text import digest

# dd and not `head -c`: that of busybox reads beyond what it was asked for, and eats the data.
LOADER: Final = (
    's=$(dd bs="$1" count=1 iflag=fullblock 2>/dev/null && printf .); s=${s%.}; '
    'h=$(printf %s "$s" | sha256sum); [ "${h%% *}" = "$2" ] || exit 86; '
    'shift 2; eval "$s"'
)
BAD_SCRIPT: Final = 86  # exit status: the script did not arrive whole, so nothing of it ran


@cache
def script_text(name: str) -> str:
    """The whole text of a catalogued script: its parts, in order."""
    folder = files("kaitu").joinpath("scripts")
    return "".join(folder.joinpath(part).read_text("utf-8") for part in CATALOGUE[name].files)


def argv(command: Command, nonce: str, guard_words: Sequence[str], sudo: bool) -> str:
    """The string to execute; ``guard_words`` are only given to scripts that write."""
    script = CATALOGUE[command.script]
    guard = tuple(guard_words) if script.writes else ()
    line = command_line(script_text(command.script), script, (nonce, *guard, *command.words))
    return f"sudo -n -- {line}" if sudo else line


def command_line(text: str, script: Script, words: Sequence[str]) -> str:
    """How a shell is told to load ``text`` from stdin and run it with ``words``."""
    quoted = " ".join(f"'{word}'" for word in (*_proof(text), *words))
    apart = "unshare -m --propagation slave " if script.mounts else ""
    return f"timeout -k 5 {script.seconds} {apart}sh -c '{LOADER}' kaitu {quoted}"


@lru_cache(maxsize=32)
def _proof(text: str) -> tuple[str, str]:
    """How long a script is, and its digest."""
    sent = text.encode()
    return str(len(sent)), digest(sent)


def payload(command: Command) -> bytes:
    """What goes to stdin: the script, then the data of the command."""
    return script_text(command.script).encode() + command.data
