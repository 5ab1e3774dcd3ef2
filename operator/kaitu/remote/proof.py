"""The proof that we have the key, sent at once: asyncssh asks twice before, for what is known.

It asks which ways in there are, and whether this key would do. We have one way and one key, and a
host that refuses the key refuses the proof as well. By then it has proven its own key.
"""

from typing import Final

import asyncssh
from asyncssh.auth import ClientAuth
from asyncssh.packet import Boolean, String

_ASKS_FIRST: Final = "ssh-rsa"
"""Which signatures of such a key the host takes it says with its leave to log in."""
_KNOWN: Final = "_auth"
"""The part of asyncssh, not public, that takes the answers to what we send in its place."""


class _Proof(ClientAuth):
    async def _start(self) -> None:
        key = await self._conn.public_key_auth_requested()
        if key is None:
            self._conn.try_next_auth(next_method=True)
            return
        words = (Boolean(True), String(key.algorithm), String(key.public_data))
        await self.send_request(*words, key=key, trivial=False)


def hasten(ssh: asyncssh.SSHClientConnection, kind: str) -> None:
    """Before a login with such a key: what is tried first is the proof; after it all is as ever.

    Most keys' follows the question whether a login may begin, which is the first thing that is
    sent after the host's key is verified.
    """
    ask, go_on = ssh.send_service_request, ssh.try_next_auth

    def prove() -> None:
        setattr(ssh, _KNOWN, _Proof(ssh, b"publickey"))

    def asked(service: bytes) -> None:
        ask(service)
        if kind != _ASKS_FIRST:
            prove()

    def first(**_: bool) -> None:
        ssh.try_next_auth = go_on  # type: ignore[method-assign]
        if kind == _ASKS_FIRST:
            prove()

    if hasattr(ssh, _KNOWN):  # else it is another asyncssh, and goes its own way
        ssh.send_service_request = asked  # type: ignore[method-assign]
        ssh.try_next_auth = first  # type: ignore[method-assign]
