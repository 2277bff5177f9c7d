"""asyncmy's connection, to which a long row is no end of its result.

What ends a result begins with 0xFE. So does a row whose first cell has 16 MiB or more, as that byte says that a length
of eight bytes follows. asyncmy goes by the byte alone, and would leave the rows behind it for whoever asks next; they
are told apart by their size. Its parser of batches leaves packets of that size alone, so all ends come by here.
"""

from __future__ import annotations

from typing import Any

import asyncmy.connection

from rowgate_server.engines.dialects.mysql.bounded import BoundedConnection

_END = 0xFE
_LONGEST_OLD_END = 8
_FULL = 0xFFFFFF
"""Bytes of a payload from which on it takes several packets: no end has so many, and every such row has."""


def is_end(payload: bytes, *, deprecate_eof: bool) -> bool:
    """Whether this is the end of a result rather than a row: an OK packet, or of old an EOF packet."""
    return payload[0] == _END and len(payload) < (_FULL if deprecate_eof else _LONGEST_OLD_END + 1)


class _Result(asyncmy.connection.MySQLResult):
    """Every way of asyncmy's to read a result asks this one question."""

    def _check_packet_is_eof(self, packet: Any) -> bool:
        if not is_end(packet.get_all_data(), deprecate_eof=self.connection._deprecate_eof):
            return False
        asyncmys: Any = super()  # the stubs leave it out
        return bool(asyncmys._check_packet_is_eof(packet))


class Connection(BoundedConnection):
    """Reads every result, asked for by whomever, as a `_Result`, and no row that is too long."""

    async def _read_query_result(self, *, unbuffered: bool = False) -> None:
        asyncmys: Any = self
        asyncmys._result = None
        result: Any = _Result(self)
        if unbuffered:
            try:
                await result.init_unbuffered_query()
            except Exception:
                result.unbuffered_active = False
                result.connection = None
                raise
        else:
            await result.read()
        asyncmys._result = result
        asyncmys._affected_rows = result.affected_rows
        if result.server_status:
            asyncmys.server_status = result.server_status


async def connect(longest_row: int, **options: Any) -> Connection:
    """As asyncmy's function of that name; see `BoundedConnection`."""
    connection = Connection(longest_row, **options)
    await connection.connect()
    return connection
