"""How a job on a node may end: a closed set of codes, what they mean, and when to try again."""

from typing import Final

from kaitu.core.aspect import Problem
from kaitu.core.reasons import REASONS, Reason, Retry
from kaitu.core.release import Held, Result

ENDINGS: Final[dict[str, tuple[Reason, str]]] = {
    "EINVALID": (Reason.COMPOSE_INVALID, "the node's compose refuses the file; nothing changed"),
    "EPIN": (
        Reason.COMPOSE_INVALID,
        "the image of {it} cannot be pinned: it has no tag, or not alone; nothing changed",
    ),
    "EPULL": (Reason.PULL_FAILED, "the image of {it} could not be pulled; nothing changed"),
    "ERATELIMIT": (Reason.PULL_RATE_LIMITED, "the registry slows down the pull of {it}"),
    "ENOIMAGE": (Reason.IMAGE_NOT_FOUND, "the registry has no image for {it}; nothing changed"),
    "ENOTPULLED": (Reason.PULL_FAILED, "the image {it} has gone from the node; pulled again"),
    "ENOSPC": (Reason.NO_SPACE, "no space is left on the node, at {it}"),
    "EROFS": (Reason.READ_ONLY, "the file system of the deployment is read-only"),
    "EGATE": (Reason.GATE_FAILED, "{it} did not get healthy; what waits for it runs as before"),
    "EKILLED": (Reason.INTERRUPTED, "the last job ended without a result; it is started again"),
    "EUP": (Reason.UP_FAILED, "compose could not start the release: {it}"),
    "EWORN": (
        Reason.UP_FAILED,
        "Docker, the job or the node was gone each of the three times that the release went in",
    ),
    "EVERIFY": (Reason.VERIFY_FAILED, "{it} does not run as the release says"),
    "EREPAIR": (Reason.NOT_RUNNING, "{it} ran before, and could not be started again"),
    "EDOCKER": (Reason.UNOBSERVED, "Docker fell silent during the job"),
    "EENV": (Reason.ENV_UNPARSABLE, "the node's compose cannot read .env; nothing changed"),
    "ENOSECRET": (Reason.PROTECTED_MISSING, "K2_NODE_SECRET is missing in .env; nothing changed"),
    "EPROTECTED": (Reason.PROTECTED_NAME, "a protected name was refused by the node"),
    "EMULTILINE": (Reason.ENV_UNSAFE, "a managed key sits in a multi-line value of .env"),
    "EUNCLOSED": (Reason.ENV_UNPARSABLE, "a quote in .env is never closed"),
    "ENUL": (Reason.ENV_UNPARSABLE, ".env holds a NUL byte"),
    "ESYMLINK": (Reason.UNSAFE_PATH, "{it} is a symlink; it was not followed"),
    "ESYMDIR": (Reason.UNSAFE_PATH, "{it} leads over a symlink; it was not followed"),
    "ENOTREG": (Reason.UNSAFE_PATH, "{it} is no regular file"),
    "EUNSAFE": (Reason.UNSAFE_PATH, "{it} can be written by others"),
    "ECONFLICT": (Reason.CONFLICT, "{it} changed at the same moment"),
    "ERACED": (Reason.CONFLICT, "{it} was written by somebody at the same moment"),
    "ESELFTEST": (Reason.TOOL_CONTRACT, "{it} gives wrong answers; nothing changed"),
    "EBUSY": (Reason.NODE_BUSY, "another writer holds the node's lock"),
    "EFENCED": (Reason.FENCED, "a newer leader has written to this node"),
    "EOWNER": (Reason.OWNED_BY_ANOTHER, "the node belongs to another"),
}

PAUSES: Final[dict[Retry, tuple[int, int]]] = {
    Retry.TRANSIENT: (5, 60),
    Retry.CONFLICT: (1, 60),
    Retry.ABSENT: (10, 600),
    Retry.SLOW_DOWN: (30, 900),
    Retry.INPUT: (600, 600),
    Retry.PERSON: (600, 600),
}
"""Seconds until a failed job is started again: after the first failure, and at most."""
_OF_THE_NODE: Final = frozenset(
    {"EENV", "ENOSECRET", "EMULTILINE", "EUNCLOSED", "ENUL"}
    | {"ESYMLINK", "ESYMDIR", "ENOTREG", "EUNSAFE"}
)
"""What a person mends on the node: no change of the input will tell, so it is tried again soon."""


def ended(code: str, detail: str) -> Problem:
    """What a job that ended so says to people; ``detail`` names a service, a file or nothing."""
    reason, text = ENDINGS.get(code, (Reason.WRITE_FAILED, f"the job ended with {code}: {{it}}"))
    return Problem(reason, text.replace("{it}", "a service" if detail == "-" else detail))


AFTERWARDS: Final[dict[str, str]] = {
    "due": "what ran before is being brought back",
    "restored": "what ran before runs again",
    "failed": "what ran before could not be brought back to health; look at the node",
    "kept": "all was left as it is (onFailure: Hold)",
    "none": "nothing ran before it",
}
"""What became of the release before one that is held."""


def held(hold: Held) -> Problem:
    """What a release, or newer images of one, that is held says to people."""
    end = ended(hold.code, hold.service)
    what = "" if hold.name == hold.key else "newer images: "
    return Problem(end.reason, f"{what}{end.message}; {AFTERWARDS[hold.then]}")


def good(result: Result | None) -> bool:
    return result is not None and result.code == "OK"


def resting(result: Result | None) -> bool:
    """True while it is too early to start a failed job of the same input again."""
    if result is None or good(result):
        return False
    retry = REASONS[ended(result.code, result.detail).reason].retry
    first, most = PAUSES[Retry.ABSENT if result.code in _OF_THE_NODE else retry]
    doublings = min(max(result.tries - 1, 0), 16)
    return result.age < min(most, first << doublings)
