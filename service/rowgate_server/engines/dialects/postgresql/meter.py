"""A meter on a connection's receive side: asyncpg holds a whole unary result, so its size must be bounded as it comes.

The meter sits between the transport and asyncpg's protocol and counts bytes. Past the limit it cuts the link: the
server notices at its next write, and ends the statement.
"""

from __future__ import annotations

import asyncio
from typing import Any


class ReceiveMeter(asyncio.Protocol):
    """Passes everything on to asyncpg's protocol."""

    def __init__(self, connection: Any) -> None:
        self._transport = connection._transport
        self._inner = connection._protocol
        self._left: float = float("inf")
        self.tripped = False
        self.connection_lost = self._inner.connection_lost  # type: ignore[method-assign]
        self.pause_writing = self._inner.pause_writing  # type: ignore[method-assign]
        self.resume_writing = self._inner.resume_writing  # type: ignore[method-assign]
        self.eof_received = self._inner.eof_received  # type: ignore[method-assign]
        self._transport.set_protocol(self)

    def begin(self, limit: int | None) -> None:
        """Count from zero, up to so many bytes; None for no limit."""
        self._left = float("inf") if limit is None else limit

    def data_received(self, data: bytes) -> None:
        """Count, then pass on."""
        self._left -= len(data)
        if self._left < 0:
            self.tripped = True
            self._transport.abort()
            return
        self._inner.data_received(data)
