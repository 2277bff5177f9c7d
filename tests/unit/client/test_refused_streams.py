"""A call that the server refused unseen (HTTP/2's REFUSED_STREAM) is made again, a write too."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

import rowgate
from rowgate import Outcome
from support.bare_http2 import PING, SETTINGS, frame

HEADERS, RST_STREAM = 1, 3
ACK, REFUSED_STREAM = 1, 7


class Refusing:
    """Speaks as much HTTP/2 as it takes to refuse every call."""

    def __init__(self) -> None:
        self.refused = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frame(SETTINGS))
        try:
            await reader.readexactly(24)
            while True:
                head = await reader.readexactly(9)
                content = await reader.readexactly(int.from_bytes(head[:3], "big"))
                kind, flags, stream = struct.unpack(">BBI", head[3:])
                if kind == HEADERS:
                    self.refused += 1
                    writer.write(frame(RST_STREAM, REFUSED_STREAM.to_bytes(4, "big"), stream=stream))
                elif kind in (SETTINGS, PING) and not flags & ACK:
                    writer.write(frame(kind, content if kind == PING else b"", flags=ACK))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def refusing() -> Refusing:
    return Refusing()


@pytest.fixture
async def address(refusing: Refusing) -> AsyncIterator[str]:
    server = await asyncio.start_server(refusing.serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_it_is_made_again_and_told_not_to_have_run(refusing: Refusing, address: str) -> None:
    retry = rowgate.Retry(attempts=3, first_delay=0.001, longest_delay=0.001)
    async with rowgate.connect(address, retry=retry, timeout=20) as db:
        with pytest.raises(rowgate.GatewayUnreachable) as caught:
            await db.query("insert into t values (1)")
        assert (caught.value.outcome, refusing.refused) == (Outcome.NOT_RUN, 3)
        with pytest.raises(rowgate.GatewayUnreachable) as caught:
            async with db.transaction():
                pass
        assert (caught.value.outcome, refusing.refused) == (Outcome.NOT_RUN, 6)
