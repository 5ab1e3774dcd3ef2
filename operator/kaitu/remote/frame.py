"""The only accepted shape of an answer, and what is made of it. Pure.

A probe that lies is worse than one that fails: the whole stream must be one frame around the
nonce of this very question, with the right length and digest, and one JSON object inside.
"""

import json
import re
from collections.abc import Collection
from hashlib import sha256
from typing import Any, Final, NoReturn

from kaitu.core.aspect import Answer
from kaitu.core.command import Done
from kaitu.core.errors import KaituError, UnparsableError
from kaitu.core.reasons import Reason
from kaitu.core.text import unbase64

_FRAME: Final = re.compile(
    rb"KNP1 ([0-9a-f]{32}) ([1-9][0-9]{0,6}) ([0-9a-f]{64})\n([^\n]*)\nKNP1 ([0-9a-f]{32}) END\n"
)
_CODE: Final = re.compile(r"[A-Z]{2,16}")
_DETAIL: Final = re.compile(r"[A-Za-z0-9_./:@,=+-]{0,512}")

INSTRUMENT: Final = {
    "ENOTOOL": (Reason.TOOL_MISSING, "the node lacks {}"),
    "ESELFTEST": (Reason.TOOL_CONTRACT, "{} on the node gives wrong answers"),
}


def parse(stream: bytes, nonce: str) -> Any:
    """The JSON value inside the frame for ``nonce``; raises ``KaituError`` (ProbeRejected)."""
    found = _FRAME.fullmatch(stream)
    if found is None:
        raise _rejected("it is no frame" if stream else "it is empty")
    asked = nonce.encode()
    first, length, seal, payload, last = found.groups()
    if first != asked or last != asked:
        raise _rejected("it answers another question")
    if int(length) != len(payload):
        raise _rejected("its length is wrong")
    if sha256(asked + payload).hexdigest().encode() != seal:
        raise _rejected("its digest is wrong")
    try:
        return json.loads(payload.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _rejected("it holds no JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON allows a key twice, and readers differ in which of the two counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def fragments(value: Any, wanted: Collection[str]) -> dict[str, Answer]:
    """The probe's answers: exactly those that were asked for."""
    _instrument(value)
    if not isinstance(value, dict) or value.keys() != {"fragments"}:
        raise _rejected("it is no probe's answer")
    found = value["fragments"]
    if not isinstance(found, dict) or found.keys() != set(wanted):
        raise _rejected("it does not answer what was asked")
    return {name: _answer(one) for name, one in found.items()}


def _answer(one: Any) -> Answer:
    if not isinstance(one, dict) or one.keys() != {"rc", "out"}:
        raise _rejected("a fragment has other fields")
    rc, out = one["rc"], one["out"]
    if type(rc) is not int or not 0 <= rc <= 255 or not isinstance(out, str):
        raise _rejected("a fragment has fields of another type")
    try:
        return Answer(rc, unbase64(out, "a fragment"))
    except UnparsableError:
        raise _rejected("a fragment is not base64") from None


def done(value: Any) -> Done:
    """What a writing script answered."""
    _instrument(value)
    if not _is_done(value):
        raise _rejected("it is no script's answer")
    return Done(value["code"], value["detail"])


def _is_done(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"code", "detail"}
        and all(isinstance(word, str) for word in value.values())
        and _CODE.fullmatch(value["code"]) is not None
        and _DETAIL.fullmatch(value["detail"]) is not None
    )


def _instrument(value: Any) -> None:
    """A tool that is missing or wrong makes every other answer doubtful."""
    if _is_done(value) and value["code"] in INSTRUMENT:
        reason, text = INSTRUMENT[value["code"]]
        raise KaituError(reason, text.format(value["detail"] or "a tool"))


def _rejected(why: str) -> KaituError:
    return KaituError(Reason.PROBE_REJECTED, f"the node's answer is not believed: {why}")
