"""What can go wrong, as one class: a reason of the closed list and a message without secrets."""

from kaitu.core.reasons import REASONS, Reason, Row


class KaituError(Exception):
    """A failure with its reason. Lower layers raise it; the engine alone makes a verdict of it.

    A failure on the way to the node has a ``cause``, by which it is judged and tried again.
    """

    def __init__(self, reason: Reason, message: str, cause: Reason | None = None) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.cause = cause or reason

    @property
    def row(self) -> Row:
        return REASONS[self.cause]


class UnparsableError(KaituError):
    """A trusted frame held something that its aspect does not understand: never guessed at."""

    def __init__(self, what: str) -> None:
        super().__init__(Reason.PROBE_REJECTED, f"cannot read the node's answer: {what}")
