"""What the merge should give, worked out another way: over the whole text, not line by line."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

BLANK: Final = b" \t\v\f\r"
BOM: Final = b"\xef\xbb\xbf"
NAME: Final = re.compile(rb"[ \t\v\f\r]*(?:export[ \t\f\r]+)?([^=:\n]*?)[ \t\v\f\r]*[=:]")


class Refused(Exception):
    """Carries the code that the node must answer."""


@dataclass(frozen=True)
class Statement:
    """One assignment, or a stray word: where it lies in the text, and what it assigns."""

    name: bytes
    start: int
    end: int


def statements(text: bytes) -> Iterator[Statement]:
    """As docker compose reads a .env. Raises Refused for a quote that is never closed."""
    at = 0
    while at < len(text):
        if text[at] in BLANK + b"\n":
            at += 1
        elif text[at : at + 1] == b"#":
            at = line_end(text, at)
        else:
            found = statement(text, at)
            yield found
            at = found.end


def statement(text: bytes, start: int) -> Statement:
    named = NAME.match(text, start)
    if not named:
        return Statement(b"", start, line_end(text, start))
    value = named.end()
    while value < len(text) and text[value] in BLANK:
        value += 1
    quote = text[value : value + 1]
    if quote not in (b'"', b"'"):
        return Statement(named[1], start, line_end(text, value))
    return Statement(named[1], start, quote_end(text, value + 1, quote))


def quote_end(text: bytes, at: int, quote: bytes) -> int:
    while at < len(text):
        if text[at : at + 1] == quote:
            return at + 1
        at += 2 if text[at : at + 1] == b"\\" else 1
    raise Refused("EUNCLOSED")


def line_end(text: bytes, at: int) -> int:
    found = text.find(b"\n", at)
    return len(text) if found < 0 else found


def merged(text: bytes, wanted: Mapping[bytes, bytes]) -> bytes:
    """The text with the wanted values; raises Refused where that is not certainly right."""
    if b"\0" in text:
        raise Refused("ENUL")
    bom, body = (BOM, text[3:]) if text.startswith(BOM) else (b"", text)
    found = list(statements(body))
    refuse_unsafe(body, found, wanted)
    ours = [each for each in found if each.name in wanted]
    last = {each.name: each for each in ours}
    out, at = bytearray(bom), 0
    for each in ours:
        begin, end = body.rfind(b"\n", 0, each.start) + 1, line_end(body, each.start)
        out += body[at:begin]
        at = min(end + 1, len(body))
        if last[each.name] is each:
            out += replaced(body[begin:end], each.name, wanted[each.name]) + body[end:at]
    out += body[at:]
    return bytes(out + missing(body, {n: v for n, v in wanted.items() if n not in last}))


def replaced(line: bytes, name: bytes, value: bytes) -> bytes:
    lead = re.match(rb"[ \t\v\f\r]*(?:export[ \t\f\r]+)?", line)
    assert lead
    return lead[0] + name + b"=" + value + (b"\r" if line.endswith(b"\r") else b"")


def missing(body: bytes, wanted: Mapping[bytes, bytes]) -> bytes:
    ending = b"\r\n" if body.split(b"\n")[0].endswith(b"\r") else b"\n"
    start = b"\n" if body and not body.endswith(b"\n") and wanted else b""
    return start + b"".join(name + b"=" + value + ending for name, value in wanted.items())


def refuse_unsafe(body: bytes, found: list[Statement], wanted: Mapping[bytes, bytes]) -> None:
    """Refuse a wanted name in odd dress, on a shared line, or in a quote over several lines."""
    for each in found:
        inner = body[each.start : line_end(body, each.end)].split(b"\n")[1:]
        names = {each.name, *(named[1] for line in inner if (named := NAME.match(line)))}
        odd = each.name not in wanted and plain(each.name) in wanted
        over_lines = inner and not names.isdisjoint(wanted)
        shared = each.name in wanted and shares_line(body, found, each)
        if odd or over_lines or shared:
            raise Refused("EMULTILINE")
    if ends_bare(body, found) and not {each.name for each in found}.issuperset(wanted):
        raise Refused("EMULTILINE")


def ends_bare(body: bytes, found: list[Statement]) -> bool:
    """Whether the text stops in a word without `=`: with a newline, compose reads it otherwise."""
    return bool(found) and re.fullmatch(rb"[^=:\n]+", body[found[-1].start :]) is not None


def plain(name: bytes) -> bytes:
    """What is left of a name for a reader who drops what does not belong into one."""
    bare = re.sub(rb"[^A-Za-z0-9_.-]", b"", name)
    return name if bare == name else bare.removeprefix(b"export")


def shares_line(body: bytes, found: list[Statement], each: Statement) -> bool:
    """Whether anything else lies on its line: another statement, or the end of a quote."""
    begin, end = body.rfind(b"\n", 0, each.start) + 1, line_end(body, each.end)
    return any(other is not each and other.start < end and other.end > begin for other in found)
