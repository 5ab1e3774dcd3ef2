"""Honest answers, as frame.sh makes them, for tests to tell from all others."""

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

NONCE = "0123456789abcdef" * 2
OLD = "fedcba9876543210" * 2


def frame(payload: bytes, nonce: str = NONCE) -> bytes:
    """The whole stream around a payload."""
    seal = sha256(nonce.encode() + payload).hexdigest()
    return b"KNP1 %s %d %s\n%s\nKNP1 %s END\n" % (
        nonce.encode(), len(payload), seal.encode(), payload, nonce.encode()
    )  # fmt: skip


def sealed(value: Any, nonce: str = NONCE) -> bytes:
    return frame(json.dumps(value, separators=(",", ":")).encode(), nonce)


def fragment(out: bytes = b"", rc: int = 0) -> dict[str, Any]:
    return {"rc": rc, "out": b64encode(out).decode()}


def fragments(**found: Any) -> dict[str, Any]:
    return {"fragments": found}


HONEST = sealed(fragments(host=fragment(b"time\t1\n"), docker=fragment(b"", 1)))
