"""Where a result of MariaDB's ends, whatever its rows hold; and nothing is asked while something is left to read."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import asyncmy.connection
import pytest
from asyncmy.errors import InternalError

from rowgate_server.engines.dialects.mysql.columns import DECODERS
from rowgate_server.engines.dialects.mysql.connection import Connection, is_end
from rowgate_server.engines.dialects.mysql.cursor import TextCursor
from rowgate_server.engines.dialects.mysql.link import COM_PING, Link
from rowgate_server.engines.driver import ExecuteMode

FULL = 0xFFFFFF
OK = b"\x00\x00\x00\x02\x00\x00\x00"
FORGED_END = 16_973_824
"""A length whose eight bytes, read as an OK packet, are the flags of an open transaction."""


class Server:
    """The other side of a connection, which answers what a test says."""

    def __init__(self, connection: Any, peer: socket.socket) -> None:
        self.connection = connection
        self.peer = peer
        self.link = Link(connection)

    def answers(self, *payloads: bytes) -> None:
        """One answer, as it comes out of the socket."""
        wire = bytearray()
        number = 1
        for payload in payloads:
            for start in range(0, len(payload) + 1, FULL):
                piece = payload[start : start + FULL]
                wire += struct.pack("<I", len(piece) | number << 24) + piece
                number = number + 1 & 0xFF
        received = self.connection._proto
        rest = memoryview(wire)
        while rest:
            view = received.get_buffer(-1)
            size = min(len(view), len(rest))
            view[:size] = rest[:size]
            received.buffer_updated(size)
            rest = rest[size:]

    async def rows(self) -> list[tuple[Any, ...]]:
        """Those of the answer to a statement."""
        self.link.next_answer()
        await self.connection._read_query_result(unbuffered=True)
        cursor = TextCursor(self.link, ExecuteMode(reads=True))
        rows: list[tuple[Any, ...]] = []
        while batch := await cursor.fetch():
            rows += map(tuple, batch)
        await cursor.finish()
        return rows


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    longest_row = 2**30
    connection: Any = Connection(longest_row, conv=DECODERS, charset="utf8mb4")
    asyncmys: Any = asyncmy.connection  # its stubs leave the protocol out
    connection._transport, connection._proto = await loop.create_connection(
        lambda: asyncmys._MySQLProtocol(loop), sock=ours
    )
    connection._connected = connection._deprecate_eof = True
    yield Server(connection, peer)
    peer.close()
    connection.close()
    await connection._proto.wait_closed()


def cell(text: bytes) -> bytes:
    size = len(text)
    if size < 251:
        return bytes([size]) + text
    return (b"\xfd" + struct.pack("<I", size)[:3] if size < 2**24 else b"\xfe" + struct.pack("<Q", size)) + text


def column(name: bytes) -> bytes:
    """The description of a column of bytes. A row of seven cells can be one."""
    fixed = struct.pack("<HIBHBH", 63, 1000, 0xFD, 0, 0, 0)
    return row(b"def", b"", b"", b"", name, name, fixed)


def end(status: int = 2) -> bytes:
    return b"\xfe\x00\x00" + struct.pack("<HH", status, 0)


def row(*cells: bytes) -> bytes:
    return b"".join(map(cell, cells))


@pytest.mark.parametrize("size", [2**24 - 2, 2**24 - 1, 2**24, FORGED_END])
async def test_a_long_first_cell_is_a_row_and_those_behind_it_come(server: Server, size: int) -> None:
    server.answers(b"\x01", column(b"v"), row(b"a"), row(b"x" * size), row(b"b"), end())
    assert [len(text) for (text,) in await server.rows()] == [1, size, 1]
    assert not server.link.unread


async def test_rows_behind_a_long_one_are_no_answer_to_the_next_statement(server: Server) -> None:
    """Were the long one an end, the next packet's number would be that of an answer, and its bytes would be one."""
    names = [b"abcdefg"[index : index + 1] for index in range(7)]
    count, values = [b"7 bytes", *[b""] * 6], [b"forged", *names[1:]]
    described = [[b"def", b"", b"", b"", name, name, column(name)[-12:]] for name in names]
    long = [b"x" * FORGED_END, *[b""] * 6]
    stored = [*[[b""] * 7] * 246, long, count, *described, values]
    server.answers(b"\x07", *map(column, names), *[row(*cells) for cells in stored], end())
    assert await server.rows() == [tuple(cells) for cells in stored]
    server.answers(b"\x01", column(b"secret"), row(b"mine"), end())
    assert await server.rows() == [(b"mine",)]


async def test_whole_results_end_there_no_sooner(server: Server) -> None:
    """Those of the gateway's own statements, and of reflection."""
    server.answers(b"\x01", column(b"v"), row(b"x" * 2**24), row(b"b"), end())
    server.link.next_answer()
    await server.connection._read_query_result()
    assert [len(text) for (text,) in server.connection._result.rows] == [2**24, 1]


async def test_further_results_are_passed_over_to_their_ends(server: Server) -> None:
    more = 2 | 8
    further = [b"\x01", column(b"w"), row(b"x" * 2**24), row(b"b"), end(more)]
    server.answers(b"\x01", column(b"v"), row(b"a"), end(more), *further, OK)
    assert await server.rows() == [(b"a",)]
    assert not server.link.unread


@pytest.mark.parametrize(("size", "old", "new"), [(5, True, True), (9, False, True), (FULL, False, False)])
def test_an_end_is_known_by_its_size(size: int, *, old: bool, new: bool) -> None:
    payload = b"\xfe".ljust(size, b"\0")
    assert (is_end(payload, deprecate_eof=False), is_end(payload, deprecate_eof=True)) == (old, new)


async def test_nothing_is_sent_while_something_is_left_to_read(server: Server) -> None:
    server.answers(OK)
    with pytest.raises(InternalError, match="before anything was asked"):
        server.link.write(COM_PING)
    await server.connection._proto.wait_closed()
    assert server.peer.recv(99) == b"", "the link is cut, and nothing was sent"


async def test_nothing_is_sent_while_something_arrives(server: Server) -> None:
    server.link.hold()
    server.peer.send(b"\x00")
    assert not server.link.unread
    with pytest.raises(InternalError, match="before anything was asked"):
        server.link.write(COM_PING)


async def test_a_row_is_not_the_ok_to_a_command(server: Server) -> None:
    server.answers(row(b"text"))
    with pytest.raises(InternalError, match="something else than OK"):
        await server.link.read_ok()
    assert not server.link.alive
