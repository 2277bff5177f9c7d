"""As much of HTTP/2 as it takes to be connected and to be a nuisance: RFC 9113."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SETTINGS, PING, GOAWAY, _WINDOW_UPDATE = 4, 6, 7, 8
_DATA, _HEADERS, _RST_STREAM, _END_STREAM, _END_HEADERS, _CANCEL = 0, 1, 3, 1, 4, 8
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD = 9


def frame(kind: int, content: bytes = b"", *, flags: int = 0, stream: int = 0) -> bytes:
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


NO_ROOM = frame(SETTINGS, b"\x00\x04" + bytes(4))
"""For no answer there is any room, until some is made: SETTINGS_INITIAL_WINDOW_SIZE is 0."""


def call_headers(method: str) -> bytes:
    """The headers of a call, each written out, which HPACK allows."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": method,
        ":authority": "test",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    return b"".join(
        b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in fields.items()
    )


def begun_and_reset(number: int, headers: bytes) -> bytes:
    """A call that is begun and taken back at once."""
    stream = 2 * number + 1
    return frame(_HEADERS, headers, flags=_END_HEADERS, stream=stream) + frame(
        _RST_STREAM, _CANCEL.to_bytes(4, "big"), stream=stream
    )


def begun(number: int, headers: bytes, message: bytes) -> bytes:
    """A call with its one request, whose answer nobody makes room for but what HTTP/2 gives at first."""
    stream = 2 * number + 1
    framed = b"\0" + len(message).to_bytes(4, "big") + message  # as gRPC has it
    return frame(_HEADERS, headers, flags=_END_HEADERS, stream=stream) + frame(
        _DATA, framed, flags=_END_STREAM, stream=stream
    )


def room(number: int, octets: int) -> bytes:
    """Room for so much of that call's answer."""
    more = octets.to_bytes(4, "big")
    return frame(_WINDOW_UPDATE, more) + frame(_WINDOW_UPDATE, more, stream=2 * number + 1)


@asynccontextmanager
async def connected(
    address: str, ca: bytes | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that has said what it must; encrypted, where there is an authority."""
    host, _, port = address.rpartition(":")
    tls = None if ca is None else ssl.create_default_context(cadata=ca.decode())
    if tls is not None:
        tls.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    writer.write(_PREFACE + frame(SETTINGS))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def end_of(reader: asyncio.StreamReader, number: int) -> bytes:
    """The content of the headers that end that call's answer; what comes before them is read off."""
    while True:
        head = await reader.readexactly(_HEAD)
        content = await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        if (kind, stream) == (_HEADERS, 2 * number + 1) and flags & _END_STREAM:
            return content


async def next_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The kind and the content of the next frame."""
    head = await reader.readexactly(_HEAD)
    return head[3], await reader.readexactly(int.from_bytes(head[:3], "big"))
