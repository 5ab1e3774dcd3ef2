"""The annotations on a KaituNode by which people ask; the operator reads and echoes them."""

from typing import Final

from kaitu.api.crd import GROUP

REQUESTED_AT: Final = f"{GROUP}/requestedAt"
ADOPT: Final = f"{GROUP}/adopt"
PULL_AT: Final = f"{GROUP}/pullAt"
RETRY: Final = f"{GROUP}/retry"
ACCEPT_HOST_KEY: Final = f"{GROUP}/accept-host-key"
TOKENS: Final = {
    "requestedAt": REQUESTED_AT,
    "adopt": ADOPT,
    "pullAt": PULL_AT,
    "retry": RETRY,
    "acceptHostKey": ACCEPT_HOST_KEY,
}
"""By their name in ``status.handled``."""
FORGOTTEN: Final = frozenset({"retry", "acceptHostKey"})
"""Once the annotation is gone its handled value is forgotten: the same may be asked for again."""
