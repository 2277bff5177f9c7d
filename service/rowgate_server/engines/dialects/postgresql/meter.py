"""A meter on a connection's receive side: asyncpg holds a whole unary result, so its size must be bounded as it comes.

The meter sits between the transport and asyncpg's protocol and counts bytes. Past the limit it cuts the link, and so it
does before a message that is too long by itself: see `heads`. The error that asyncpg raises then has that as its cause.
It also keeps the one message that asyncpg does not hand on whole: what a statement's columns are.

It receives into one buffer for all connections. To a protocol without a buffer asyncio gives `recv(262144)`, whose
result shrinks to what came: small objects settle in what is left of it, no hole is ever as large again, and the heap
grows without end. Reproduced: 15 MiB in 4 minutes of 300 calls/s, of which a fifth were cancelled.
Messages: https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from rowgate_server.engines.breaths import TURN, Receiving
from rowgate_server.engines.dialects.postgresql.arrays import NONE, Costs
from rowgate_server.engines.dialects.postgresql.heads import HEAD, Heads, TooLongError

_MOST, _LEAST = 256 * 1024, 4 * 1024
"""Bytes that are received at a time: as many as are read in a turn, of what came last. Rows are read in a millisecond,
but as much of notices that say nothing takes 200."""
_BUFFER = memoryview(bytearray(_MOST))
"""What came is copied out of it before anything else can come."""

_MOST_HEARD = 16 * 1024 * 1024
"""Bytes: what a batch of writes is answered with is a few a row, but for what triggers have to say."""

_ROW_DESCRIPTION, _NO_DATA, _READY, _COMPLETE = b"T", b"n", b"Z", b"C"


class ReceiveMeter(asyncio.BufferedProtocol):
    """Passes everything on to asyncpg's protocol.

    Attributes:
        cut: the link was cut for what came.
        tripped: that was for its size, as a limit was passed.
    """

    def __init__(self, connection: Any, longest_row: int) -> None:
        self._transport = connection._transport
        self._inner = connection._protocol
        self._left: float = float("inf")
        self._heads = Heads(longest_row)
        self._room = _BUFFER
        self._receiving = Receiving.of_this_loop()
        self._heard: bytearray | None = None
        self._too_long: TooLongError | None = None
        self.tripped = self.cut = False
        # Handed on as they are, at no cost.
        for name in ("pause_writing", "resume_writing", "eof_received"):
            setattr(self, name, getattr(self._inner, name))
        self._transport.set_protocol(self)

    def begin(self, limit: int | None, arrays: Costs = NONE) -> None:
        """Count from zero, up to so many bytes; None for no limit. Nothing is to be under way.

        Args:
            limit: bytes.
            arrays: those among the columns of the rows that are to come.
        """
        self._heads.rest()
        self._heads.arrays = arrays
        self._left = float("inf") if limit is None else limit

    def listen(self) -> None:
        """Keep what comes from now on, for `row_description`."""
        self._heads.rest()
        self._heard = bytearray()

    def row_description(self) -> bytes:
        """The first RowDescription since `listen`, without its head; empty where none came."""
        heard, self._heard = self._heard or b"", None
        at = 0
        while at + HEAD.size <= len(heard):
            kind, length = HEAD.unpack_from(heard, at)
            if kind == _ROW_DESCRIPTION and at + 1 + length <= len(heard):
                return bytes(heard[at + HEAD.size : at + 1 + length])
            if kind in (_NO_DATA, _READY):
                break
            at += 1 + length
        return b""

    def command_tags(self) -> list[str]:
        """What each command since `listen` said at its end: `INSERT 0 1`."""
        heard, self._heard = self._heard or b"", None
        tags: list[str] = []
        at = 0
        while at + HEAD.size <= len(heard):
            kind, length = HEAD.unpack_from(heard, at)
            if kind == _COMPLETE:
                tags.append(heard[at + HEAD.size : at + length].decode())
            at += 1 + length
        return tags

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        del sizehint
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Count, look for what is too long, then pass on."""
        if self.cut:
            return  # over TLS there may be more at hand
        data = bytes(_BUFFER[:nbytes])
        self._left -= nbytes
        if self._left < 0:
            self.tripped = True
            self._cut()
            return
        found = self._heads.follow(data)
        if self._heard is not None:
            self._heard += data
            if len(self._heard) > _MOST_HEARD:
                found = found or TooLongError(_MOST_HEARD)
        if found is not None:
            self._too_long = found
            self._cut()
            return
        began = time.thread_time()  # the machine may be busy with others
        self._inner.data_received(data)
        self._adapt(time.thread_time() - began, nbytes)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell asyncpg why."""
        self._inner.connection_lost(self._too_long or error)

    def _adapt(self, seconds: float, octets: int) -> None:
        """Receive less at a time while it takes long to read, so that others have their turns in between."""
        room = len(self._room)
        if seconds > TURN / 2:
            self._receiving.rest(self._transport)
        if seconds > TURN:
            self._room = _BUFFER[: max(_LEAST, int(octets * TURN / seconds))]
        elif room < _MOST and seconds < TURN / 4:
            self._room = _BUFFER[: 2 * room]

    def _cut(self) -> None:
        self.cut = True
        self._transport.abort()
