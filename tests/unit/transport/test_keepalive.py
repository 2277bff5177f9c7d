"""A caller that fell silent without a word is found, however long it had nothing to say before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio

from rowgate_server.transport.server import ServerOptions, _channel_arguments

OPTIONS = ServerOptions(
    max_message_bytes=1024,
    max_request_bytes=1024,
    max_concurrent_streams=7,
    keepalive_time=0.2,
    keepalive_timeout=0.3,
    max_connection_age=0,
    max_connection_age_grace=0,
    reflection=False,
)
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS, _PING, _GOAWAY = 4, 6, 7
_HEAD = 9


class BareCaller:
    """As much of HTTP/2 as it takes to be connected, and to answer pings or not: RFC 9113."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, kind: int, content: bytes = b"", *, acknowledging: bool = False) -> None:
        """A frame of the connection's own; it is no part of any call."""
        self._writer.write(len(content).to_bytes(3, "big") + bytes([kind, acknowledging, 0, 0, 0, 0]) + content)

    async def read(self) -> tuple[int, bytes]:
        """The kind and the content of the next frame that is no acknowledgement."""
        while True:
            head = await self._reader.readexactly(_HEAD)
            content = await self._reader.readexactly(int.from_bytes(head[:3], "big"))
            if not (head[3] in (_SETTINGS, _PING) and head[4] & 1):
                return head[3], content

    async def next_ping(self) -> bytes:
        """What the server's next ping asks to be sent back."""
        while True:
            kind, content = await self.read()
            if kind == _PING:
                return content
            if kind == _SETTINGS:
                self.send(_SETTINGS, acknowledging=True)


@asynccontextmanager
async def connected() -> AsyncIterator[BareCaller]:
    """A caller without a call, on a server that pings every 0.2 s and waits 0.3 s."""
    server = grpc.aio.server(options=_channel_arguments(OPTIONS))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(_PREFACE)
        caller = BareCaller(reader, writer)
        caller.send(_SETTINGS)
        yield caller
    finally:
        writer.close()
        await server.stop(None)


async def test_a_caller_that_says_nothing_is_pinged_on_and_on_and_dropped_once_it_does_not_answer() -> None:
    async with asyncio.timeout(30), connected() as caller:
        for _ in range(4):
            caller.send(_PING, await caller.next_ping(), acknowledging=True)
        assert await caller.next_ping()
        kind, content = await caller.read()
        assert (kind, content[8:]) == (_GOAWAY, b"ping_timeout")
