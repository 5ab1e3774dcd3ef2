"""Only an honest answer to this very question is believed; every liar is named and refused."""

import json
from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaitu.core.aspect import Answer
from kaitu.core.command import Done
from kaitu.core.errors import KaituError
from kaitu.core.reasons import Reason
from kaitu.remote import frame
from remote.frames import HONEST, NONCE, OLD, fragment, fragments, sealed
from remote.frames import frame as framed

HELP = b"Usage: kaitu [OPTIONS] COMMAND\n\nOptions:\n  --help  Show this message and exit.\n"
ANSWER = fragments(host=fragment(), docker=fragment())
SEAL = sha256(NONCE.encode() + b"{}").hexdigest().encode()
PAYLOAD = HONEST.split(b"\n")[1]
BARE_SEAL = sha256(PAYLOAD).hexdigest().encode()

STREAMS = {
    "empty": b"",
    "newline": b"\n",
    "help": HELP,
    "ok": b"OK\n",
    "nonce only": NONCE.encode() + b"\n",
    "payload only": PAYLOAD + b"\n",
    "command echoed": b"timeout -k 5 50 sh -c 's=$(dd)' kaitu 9 " + NONCE.encode() + b"\n",
    "replay": sealed(ANSWER, OLD),
    "replay under our nonce": sealed(ANSWER, OLD).replace(OLD.encode(), NONCE.encode()),
    "old nonce at the end": HONEST.replace(NONCE.encode() + b" END", OLD.encode() + b" END"),
    "motd in front": b"Welcome to Ubuntu 22.04 LTS\n" + HONEST,
    "motd behind": HONEST + b"logout\n",
    "trailing byte": HONEST + b"\n",
    "truncated": HONEST[:-1],
    "no end line": HONEST.rpartition(b"KNP1")[0],
    "no payload": HONEST.replace(PAYLOAD + b"\n", b""),
    "carriage returns": HONEST.replace(b"\n", b"\r\n"),
    "ansi": b"\x1b[0m" + HONEST,
    "ansi behind": HONEST + b"\x1b[0m",
    "twice": HONEST + HONEST,
    "nested": framed(HONEST),
    "two lines": framed(b'{"fragments":\n{}}'),
    "stderr between": HONEST.replace(b"\n", b"\nsh: 1: docker: not found\n", 1),
    "length too short": HONEST.replace(b" %d " % len(PAYLOAD), b" %d " % (len(PAYLOAD) - 1), 1),
    "length too long": HONEST.replace(b" %d " % len(PAYLOAD), b" %d " % (len(PAYLOAD) + 1), 1),
    "length with zero": HONEST.replace(b" %d " % len(PAYLOAD), b" 0%d " % len(PAYLOAD), 1),
    "length huge": HONEST.replace(b" %d " % len(PAYLOAD), b" %s " % (b"9" * 5000), 1),
    "digest of another": HONEST.replace(HONEST.split()[3], SEAL),
    "digest without nonce": HONEST.replace(HONEST.split()[3], BARE_SEAL),
    "digest in capitals": HONEST.replace(HONEST.split()[3], HONEST.split()[3].upper()),
    "other version": HONEST.replace(b"KNP1", b"KNP2"),
    "spaces": HONEST.replace(b" ", b"  ", 1),
    "utf-16": sealed(ANSWER).decode().encode("utf-16"),
    "nul": HONEST.replace(b"\n", b"\0\n", 1),
}  # fmt: skip
"""What is no frame around this nonce."""

PAYLOADS = {
    "nothing": b"",
    "no json": b"OK",
    "no utf-8": b'{"fragments":{"host":"\xff"}}',
    "utf-16 inside": json.dumps(ANSWER).replace("\n", "").encode("utf-16-le"),
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(ANSWER).encode(),
    "nan": b'{"fragments":{"host":{"rc":NaN,"out":""}}}',
    "infinity": b'{"fragments":{"host":{"rc":Infinity,"out":""}}}',
    "huge number": b'{"fragments":{"host":{"rc":' + b"9" * 5000 + b',"out":""}}}',
    "deep": b"[" * 100_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "key twice": b'{"fragments":{"host":{"rc":1,"out":""},"host":{"rc":0,"out":""}}}',
    "rc twice": b'{"fragments":{"host":{"rc":1,"rc":0,"out":""}}}',
    "two values": b'{"fragments":{}} {}',
    "single quotes": b"{'fragments':{}}",
}
"""Sealed with the right nonce: the account's owner can do that, so the content must hold, too."""

NO_PROBES: dict[str, Any] = {
    "null": None,
    "number": 7,
    "text": "fragments",
    "list": [ANSWER],
    "empty": {},
    "extra key": {**ANSWER, "code": "OK"},
    "none": fragments(),
    "fewer": fragments(host=fragment()),
    "more": fragments(host=fragment(), docker=fragment(), env=fragment()),
    "another": fragments(host=fragment(), env=fragment()),
    "no object": fragments(host=fragment(), docker=[]),
    "null fragment": fragments(host=fragment(), docker=None),
    "extra field": fragments(host=fragment(), docker={**fragment(), "err": ""}),
    "no out": fragments(host=fragment(), docker={"rc": 0}),
    "rc text": fragments(host=fragment(), docker={"rc": "0", "out": ""}),
    "rc true": fragments(host=fragment(), docker={"rc": True, "out": ""}),
    "rc float": fragments(host=fragment(), docker={"rc": 0.0, "out": ""}),
    "rc negative": fragments(host=fragment(), docker={"rc": -1, "out": ""}),
    "rc large": fragments(host=fragment(), docker={"rc": 256, "out": ""}),
    "out null": fragments(host=fragment(), docker={"rc": 0, "out": None}),
    "out no base64": fragments(host=fragment(), docker={"rc": 0, "out": "a"}),
    "out with line": fragments(host=fragment(), docker={"rc": 0, "out": "YWJj\nYWJj"}),
    "out beyond ascii": fragments(host=fragment(), docker={"rc": 0, "out": "YWJ\u00e9"}),
    "a write's answer": {"code": "OK", "detail": ""},
}  # fmt: skip

NO_DONES: dict[str, Any] = {
    "null": None,
    "list": ["OK", ""],
    "empty": {},
    "no detail": {"code": "OK"},
    "extra key": {"code": "OK", "detail": "", "more": ""},
    "code number": {"code": 0, "detail": ""},
    "code small": {"code": "ok", "detail": ""},
    "code empty": {"code": "", "detail": ""},
    "code with line": {"code": "OK\n", "detail": ""},
    "detail null": {"code": "OK", "detail": None},
    "detail with space": {"code": "OK", "detail": "all fine"},
    "detail with line": {"code": "OK", "detail": "x\n"},
    "detail long": {"code": "OK", "detail": "x" * 513},
    "a probe's answer": ANSWER,
}


def test_honest_answers_are_believed() -> None:
    found = frame.fragments(frame.parse(HONEST, NONCE), ["host", "docker"])
    assert found == {"host": Answer(0, b"time\t1\n"), "docker": Answer(1, b"")}
    done = frame.done(frame.parse(sealed({"code": "OK", "detail": "/etc/x"}), NONCE))
    assert done == Done("OK", "/etc/x")


@pytest.mark.parametrize("stream", [*STREAMS.values(), *map(framed, PAYLOADS.values())],
                         ids=[*STREAMS, *PAYLOADS])  # fmt: skip
def test_liars_are_refused(stream: bytes) -> None:
    refused(stream, lambda: frame.parse(stream, NONCE))


@pytest.mark.parametrize("value", NO_PROBES.values(), ids=NO_PROBES)
def test_other_shapes_are_no_probe(value: Any) -> None:
    stream = sealed(value)
    refused(stream, lambda: frame.fragments(frame.parse(stream, NONCE), ["host", "docker"]))


@pytest.mark.parametrize("value", NO_DONES.values(), ids=NO_DONES)
def test_other_shapes_are_no_writes_answer(value: Any) -> None:
    stream = sealed(value)
    refused(stream, lambda: frame.done(frame.parse(stream, NONCE)))


def refused(stream: bytes, read: Any) -> None:
    """Refused as a liar, and with no byte of the lie in the message."""
    with pytest.raises(KaituError) as caught:
        read()
    assert caught.value.reason is Reason.PROBE_REJECTED
    assert not any(word in caught.value.message.encode() for word in (b"Usage", b"KNP", b"\x1b"))
    assert len(caught.value.message) < 100, stream[:80]


@pytest.mark.parametrize(
    ("code", "reason"),
    [("ENOTOOL", Reason.TOOL_MISSING), ("ESELFTEST", Reason.TOOL_CONTRACT)],
)
@pytest.mark.parametrize("read", [frame.done, lambda value: frame.fragments(value, ["host"])])
def test_a_broken_tool_is_named_by_probe_and_write(code: str, reason: Reason, read: Any) -> None:
    with pytest.raises(KaituError, match="flock") as caught:
        read(frame.parse(sealed({"code": code, "detail": "flock"}), NONCE))
    assert caught.value.reason is reason


@settings(deadline=None)
@given(st.data())
def test_a_changed_answer_is_never_believed(data: st.DataObject) -> None:
    """Bytes replaced, put in or cut out anywhere: only the identical stream is accepted."""
    start = data.draw(st.integers(0, len(HONEST)))
    end = data.draw(st.integers(start, len(HONEST)))
    stream = HONEST[:start] + data.draw(st.binary(max_size=8)) + HONEST[end:]
    if stream != HONEST:
        refused(stream, lambda: frame.parse(stream, NONCE))


@settings(deadline=None)
@given(st.binary(), st.text("0123456789abcdef", min_size=32, max_size=32))
def test_noise_is_never_believed(noise: bytes, nonce: str) -> None:
    with pytest.raises(KaituError):
        frame.parse(noise, nonce)


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(Json | st.builds(lambda inner: {"fragments": {"host": inner}}, Json))
def test_whatever_is_sealed_is_an_answer_or_refused(value: Any) -> None:
    """No other exception: a node must not be able to cause a defect."""
    with suppress(KaituError):
        found = frame.fragments(frame.parse(sealed(value), NONCE), ["host"])
        assert isinstance(found["host"], Answer)
