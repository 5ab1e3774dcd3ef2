"""Whatever answers on the port is named in time: silence, another protocol, a broken sshd."""

import asyncio
import socket
import struct

import pytest

from kaitu.core.reasons import Reason
from kaitu.remote.ssh import connect
from remote.servers import Talk, allow, honest, refused, run, sshd, target, tcp

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def silence(reader: Reader, _: Writer) -> None:
    await reader.read()


async def hang_up(_: Reader, writer: Writer) -> None:
    writer.close()


async def reset(_: Reader, writer: Writer) -> None:
    link: socket.socket = writer.get_extra_info("socket")
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def http(reader: Reader, writer: Writer) -> None:
    """A web server waits for a line, and does not understand it."""
    await reader.readline()
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


def says(text: bytes) -> Talk:
    async def talk(reader: Reader, writer: Writer) -> None:
        writer.write(text)
        await reader.read()

    return talk


def leaves_saying(text: bytes) -> Talk:
    async def talk(_: Reader, writer: Writer) -> None:
        writer.write(text)
        await writer.drain()

    return talk


def endless(text: bytes) -> Talk:
    async def talk(_: Reader, writer: Writer) -> None:
        while True:
            writer.write(text)
            await writer.drain()

    return talk


async def drip(_: Reader, writer: Writer) -> None:
    for byte in b"SSH-2.0-" + b"x" * 100:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)


async def garbage(_: Reader, writer: Writer) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(range(256)) * 400)
    await writer.drain()


def kexinit(*lists: bytes) -> bytes:
    """The packet in which an SSH server lists its algorithms."""
    names = b"".join(struct.pack(">I", len(names)) + names for names in lists)
    payload = b"\x14" + bytes(16) + names + bytes(5)
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


OFFER = kexinit(
    b"diffie-hellman-group14-sha256", b"ssh-ed25519", *2 * [b"aes256-ctr"],
    *2 * [b"hmac-sha2-256"], *2 * [b"none"], b"", b"",
)  # fmt: skip


async def old(reader: Reader, writer: Writer) -> None:
    """An sshd that finds no algorithm in common hangs up in the moment in which it has said so."""
    writer.write(b"SSH-2.0-OpenSSH_6.0\r\n")
    await reader.readline()
    await reader.read(10_000)  # the client's offer
    writer.write(OFFER)


TALKS = {
    "silence": (silence, Reason.BANNER_TIMEOUT),
    "half a greeting": (says(b"SSH-2.0"), Reason.BANNER_TIMEOUT),
    "greeting in drips": (drip, Reason.BANNER_TIMEOUT),
    "hang up": (hang_up, Reason.CONNECTION_LOST),
    "reset": (reset, Reason.CONNECTION_LOST),
    "too many callers": (leaves_saying(b"Exceeded MaxStartups\r\n"), Reason.CONNECTION_LOST),
    "penalty": (leaves_saying(b"Not allowed at this time\r\n"), Reason.CONNECTION_LOST),
    "http": (http, Reason.NOT_SSH),
    "smtp": (says(b"220 mail.example.com ESMTP\r\n"), Reason.NOT_SSH),
    "ssh 1.5": (says(b"SSH-1.5-old\r\n"), Reason.NOT_SSH),
    "endless line": (endless(b"x" * 65536), Reason.NOT_SSH),
    "endless lines": (endless(b"hello\r\n" * 9000), Reason.NOT_SSH),
    "greeting no text": (says(b"SSH-2.0-\xff\xfe\r\n"), Reason.CONNECTION_LOST),
    "old, and gone at once": (old, Reason.ALGORITHM_MISMATCH),
    "greeting, then nothing": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), Reason.LOGIN_TIMEOUT),
    "greeting, then garbage": (garbage, Reason.CONNECTION_LOST),
}


@pytest.mark.parametrize(("talk", "reason"), TALKS.values(), ids=TALKS)
def test_what_answers_is_named(talk: Talk, reason: Reason) -> None:
    async def test() -> None:
        async with tcp(talk) as port:
            started = asyncio.get_running_loop().time()
            assert (await refused(port)).reason is reason
            assert asyncio.get_running_loop().time() - started < 5

    run(test())


def test_lines_before_the_greeting_are_allowed() -> None:
    """RFC 4253 lets a server talk first; some put a notice there."""

    async def test() -> None:
        async with sshd(honest) as seen:

            async def relay(reader: Reader, writer: Writer) -> None:
                up, down = await asyncio.open_connection("127.0.0.1", seen.port)
                writer.write(b"This host is watched.\r\n")
                await asyncio.gather(_pump(reader, down), _pump(up, writer))

            async with tcp(relay) as port:
                (await connect(target(port), allow)).abort()

    run(test())


async def _pump(reader: Reader, writer: Writer) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    finally:
        writer.close()
