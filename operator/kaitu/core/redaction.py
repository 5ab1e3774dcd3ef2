"""The last net under everything that is logged: a known secret value is cut out of any text.

Nothing is meant to fall into it: a ``Secret`` has no text form, and no text of a node is repeated.
"""

import base64
import json
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Final

SHORTEST: Final = 6
"""Characters: of a shorter value, such as ``info``, half a log would have to be cut out."""
MOST: Final = 20_000
CUT: Final = "[redacted]"


class Redactor:
    """Knows the secret values that this process has read; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._forms: dict[str, None] = {}

    def learn(self, values: Iterable[str]) -> None:
        """From now on these values are cut out, in each of their forms."""
        for value in values:
            for form in forms(value):
                self._forms.pop(form, None)
                self._forms[form] = None
        while len(self._forms) > MOST:
            del self._forms[next(iter(self._forms))]

    def clean(self, text: str) -> str:
        """The text without the values; a longer form goes before one that it contains."""
        found = sorted((form for form in self._forms if form in text), key=len, reverse=True)
        for form in found:
            text = text.replace(form, CUT)
        return text


def forms(value: str) -> Iterator[str]:
    """The value and each of its lines: as they are, in JSON, hex, a URL, base64 at any offset."""
    for line in {value.strip(), *(part.strip() for part in value.splitlines())}:
        if len(line) < SHORTEST or line.startswith("-----"):
            continue
        raw = line.encode()
        yield from (line, json.dumps(line)[1:-1], raw.hex(), urllib.parse.quote(line, safe=""))
        yield from (_base64(raw, offset) for offset in range(3))


def _base64(raw: bytes, offset: int) -> str:
    """The characters of base64 that depend on ``raw`` alone, whatever stands before and after."""
    text = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
    end = len(text) - 1 if (offset + len(raw)) % 3 else len(text)
    return text[(0, 2, 3)[offset] : end]
