"""What the tests ask of a connection, and how they see it fail."""

from typing import Any, Final

import pytest

from kaitu.core.command import Command
from kaitu.core.errors import KaituError
from kaitu.remote.connection import Connection
from kaitu.remote.ssh import connect
from remote.servers import Behave, allow, sshd, target

GUARD: Final = ("inst-1", "edge/node-1", "1", "proc-1")
CLAIM: Final = Command("claim", ("-",))
CANARY: Final = b"CANARY-d34db33f"


async def probe(link: Connection) -> Any:
    return await link.probe({"host": b"/apps\n", "docker": b""})


async def write(link: Connection) -> Any:
    return await link.write(CLAIM, GUARD)


async def failing(behave: Behave | None, ask: Any = probe, **options: Any) -> KaituError:
    """How the command fails; it must, and take the connection with it if that is in doubt."""
    async with sshd(behave, **options) as seen:
        link = await connect(target(seen.port), allow)
        with pytest.raises(KaituError) as caught:
            await ask(link)
        link.abort()
    assert CANARY.decode() not in str(caught.value)
    return caught.value
