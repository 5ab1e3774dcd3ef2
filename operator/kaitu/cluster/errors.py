"""What the API server can answer instead of what was asked for."""

import json
from typing import Final

from kaitu.core.text import one_line


class ApiError(Exception):
    """A request that did not succeed. ``status`` is the HTTP status, 0 when none came."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Unauthorized(ApiError):
    """401: the server does not know us."""


class Forbidden(ApiError):
    """403: the role does not allow it."""


class Deposed(ApiError):
    """Nothing was sent: another process may lead by now."""


class Missing(ApiError):
    """404: no such object."""


class Conflict(ApiError):
    """409: it exists already, or is no longer as it was read, or has another uid."""


class Invalid(ApiError):
    """422: the schema or a rule of the server refuses it."""


class Unavailable(ApiError):
    """No answer, 429 or 5xx: the same request may succeed later, and may have succeeded."""


_ADVICE: Final[dict[type[ApiError], str]] = {
    Unauthorized: "the API server does not know who asks: the token or certificate has expired, "
    "was revoked, or is another cluster's; log in again",
    Forbidden: "the role does not allow it; whoever runs the cluster can grant it",
    Unavailable: "the API server cannot be used now: see its address in the kubeconfig, the "
    "network, and the server itself",
}


def advice(error: ApiError) -> str:
    """What a person can do about it; empty where the message says all."""
    return _ADVICE.get(type(error), "")


_KINDS: Final[dict[int, type[ApiError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: Missing,
    409: Conflict,
    422: Invalid,
    429: Unavailable,
}


def of_status(status: int, asked: str, body: bytes) -> ApiError:
    """The error for an answer of 400 or above; ``asked`` is the method and the path."""
    kind = Unavailable if status >= 500 else _KINDS.get(status, ApiError)
    return kind(status, f"{asked}: {status} {one_line(_message(body), 300)}".rstrip())


def of_failure(error: Exception, asked: str) -> Unavailable:
    """The error for a request that brought no answer."""
    said = one_line(str(error), 300)
    return Unavailable(0, f"{asked}: {type(error).__name__}{said and f': {said}'}")


def _message(body: bytes) -> str:
    """The message of a metav1.Status, or the text that some proxy sent instead."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")
