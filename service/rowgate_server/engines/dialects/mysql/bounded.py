"""asyncmy's connection, which reads no packet that is too long: a row is one, and asyncmy reads a row whole.

On the wire a packet of 16 MiB or more is cut into pieces of that size, of which none says how many there are. Of each
piece that is not here yet, asyncmy asks for all that is left of it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import asyncmy.connection
from asyncmy.protocol import MysqlPacket

_asyncmys: Any = asyncmy.connection.Connection
_fill_buffer, _read_packet = _asyncmys._fill_buffer, _asyncmys.read_packet


class TooLongError(Exception):
    """The server began a packet that is too long; the link was cut before it had come.

    Args:
        most: the bytes that it may have.
    """

    def __init__(self, most: int) -> None:
        super().__init__(f"a packet of the server's is longer than {most} bytes")
        self.most = most


class BoundedConnection(asyncmy.connection.Connection):
    """Cuts the link within a packet that is too long.

    Args:
        longest_row: the bytes that one may have.
        options: asyncmy's.
    """

    def __init__(self, longest_row: int, **options: Any) -> None:
        self._longest_row = longest_row
        self._asked_for = 0
        """Bytes of the packet that is being read."""
        asyncmys: Any = super()  # the stubs give it no types
        asyncmys.__init__(**options)

    def read_packet(self, packet_type: Any = MysqlPacket) -> Coroutine[Any, Any, Any]:
        """The next packet."""
        self._asked_for = 0
        packet: Coroutine[Any, Any, Any] = _read_packet(self, packet_type)
        return packet

    def _fill_buffer(self, need: int) -> Coroutine[Any, Any, None]:
        """Wait until so many bytes have come."""
        self._asked_for += need
        if self._asked_for > self._longest_row:
            asyncmys: Any = self
            asyncmys._close_reason = "a packet is too long"
            asyncmys._transport.abort()
            raise TooLongError(self._longest_row)
        filled: Coroutine[Any, Any, None] = _fill_buffer(self, need)
        return filled
