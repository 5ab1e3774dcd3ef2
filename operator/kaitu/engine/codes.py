"""What the result codes of the node's write scripts mean."""

from typing import Final

from kaitu.core.command import Command, Done
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason

FINE: Final = frozenset({"OK", "SAME", "STARTED"})

MEANING: Final[dict[str, tuple[Reason, str]]] = {
    "ECONFLICT": (
        Reason.CONFLICT,
        "the file changed since it was looked at; it was left as it is",
    ),
    "EBUSY": (Reason.NODE_BUSY, "another writer holds the node's lock"),
    "ELOCK": (Reason.WRITE_FAILED, "the node's lock cannot be used"),
    "ESHORT": (Reason.CONNECTION_LOST, "the data did not arrive whole; nothing was changed"),
    "EDIGEST": (Reason.CONNECTION_LOST, "the data arrived damaged; nothing was changed"),
    "ESYMLINK": (Reason.UNSAFE_PATH, "the target is a symlink; it was not followed"),
    "ESYMDIR": (Reason.UNSAFE_PATH, "a directory of the path is a symlink; it was not followed"),
    "ENOTREG": (Reason.UNSAFE_PATH, "the target is no regular file"),
    "ENODIR": (Reason.WRITE_FAILED, "the directory does not exist"),
    "EUNSAFE": (Reason.UNSAFE_PATH, "the directory can be written by others"),
    "ENOTOOL": (Reason.TOOL_MISSING, "the node lacks a tool"),
    "ESELFTEST": (Reason.TOOL_CONTRACT, "a basic tool of the node gives wrong answers"),
    "EROFS": (Reason.READ_ONLY, "the file system is read-only"),
    "ENOSPC": (Reason.NO_SPACE, "no space is left; the old file is intact"),
    "EWRITE": (Reason.WRITE_FAILED, "writing failed; the old file is intact"),
    "ERACED": (Reason.CONFLICT, "somebody wrote the file at the same moment"),
    "EOWNER": (Reason.OWNED_BY_ANOTHER, "the node belongs to another"),
    "ENOOWNER": (Reason.NOT_OWNED, "the node's owner record is gone"),
    "EFENCED": (Reason.FENCED, "a newer leader has written to this node"),
    "ESTATE": (Reason.UNSAFE_PATH, "the operator's directory on the node is not as it must be"),
    "EFOREIGN": (Reason.FOREIGN_FILE, "the file is not ours"),
    "EPROTECTED": (Reason.PROTECTED_NAME, "a protected name was refused by the node"),
    "EMULTILINE": (Reason.ENV_UNSAFE, "a managed key sits in a multi-line value"),
    "EUNCLOSED": (Reason.ENV_UNPARSABLE, "a quote in .env is never closed"),
    "ENUL": (Reason.ENV_UNPARSABLE, ".env holds a NUL byte"),
    "EUNKNOWN": (Reason.KEY_UNKNOWN, "the kernel has no such key"),
    "EREFUSED": (Reason.VALUE_REFUSED, "the kernel did not take the value"),
}


def check(command: Command, done: Done) -> None:
    """Nothing when the node did it; else the ``KaituError`` that the code stands for."""
    if done.code in FINE:
        return
    reason, text = MEANING.get(done.code, (Reason.WRITE_FAILED, f"the node answered {done.code}"))
    if reason is Reason.READ_ONLY and any(word.startswith("/etc/") for word in command.words):
        reason = Reason.READ_ONLY_ETC
    raise KaituError(reason, f"{text}: {done.detail}" if done.detail else text)
