"""A running statement on asyncpg: rows that are here already, or come from a portal; its end."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from rowgate_server.engines.dialects.postgresql.arrays import ArrayColumns
from rowgate_server.engines.dialects.postgresql.commits import COMMIT, make_last
from rowgate_server.engines.dialects.postgresql.meter import ReceiveMeter
from rowgate_server.engines.results import Columns, Completion, Row, StatementWarning

_MOST_PER_FETCH, _MOST_OF_ANY_WIDTH = 8192, 512
"""Rows; the lesser number where a single cell may have megabytes, and rows before it tell nothing of that."""
_TARGET_BYTES = 256 * 1024
_TARGET_SECONDS = 0.05
_AFFECTED = re.compile(r"(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY) (\d+)\Z")


def affected(tag: str) -> int | None:
    """How many rows a command tag tells of; None for a command that changes none."""
    match = _AFFECTED.match(tag)
    return int(match[1]) if match else None


class Cursor(ABC):
    """What the two kinds have in common: columns, and arrays among them; the end of the transaction."""

    def __init__(
        self, connection: Any, columns: Columns, arrays: ArrayColumns, notices: list[StatementWarning]
    ) -> None:
        self._connection = connection
        self._notices = notices
        self._arrays = arrays
        self.columns = columns

    @abstractmethod
    async def fetch(self) -> Sequence[Row]:
        """The next rows; empty at the end."""

    def _completion(self, status: bytes | str | None) -> Completion:
        text = status.decode() if isinstance(status, bytes) else status or ""
        return Completion(affected_rows=affected(text), warnings=tuple(self._notices))

    @abstractmethod
    async def finish(self) -> Completion:
        """End the transaction that was begun."""

    async def stop(self) -> Completion:
        """End the transaction: that closes a portal, and every change is made before the first row is sent."""
        return await self.finish()


class WholeCursor(Cursor):
    """A result that is here already."""

    def __init__(
        self,
        connection: Any,
        columns: Columns,
        arrays: ArrayColumns,
        answer: tuple[list[Any], bytes | None],
        notices: list[StatementWarning],
        *,
        ending: str,
    ) -> None:
        super().__init__(connection, columns, arrays, notices)
        self._records, self._status = answer
        self._ending = ending

    async def fetch(self) -> Sequence[Row]:
        """All rows, then none."""
        records, self._records = self._records, []
        return self._arrays.read(records)

    async def finish(self) -> Completion:
        """End the transaction if one was begun."""
        if self._ending == COMMIT:
            await make_last(self._connection)
        elif self._ending:
            await self._connection.execute(self._ending)
        return self._completion(self._status)


class PortalCursor(Cursor):
    """A server-side cursor: each fetch asks for so many rows as make about 256 KiB, or come in about 50 ms.

    It begins with one row and grows, so that a slow query shows its first rows at once.
    """

    def __init__(
        self,
        connection: Any,
        prepared: Any,
        columns: Columns,
        arrays: ArrayColumns,
        portal: Any,
        notices: list[StatementWarning],
        meter: ReceiveMeter,
        *,
        narrow: bool,
        ending: str,
    ) -> None:
        super().__init__(connection, columns, arrays, notices)
        self._prepared = prepared
        self._portal = portal
        self._meter = meter
        self._ending = ending
        self._size = self._widest = 1
        self._most = _MOST_PER_FETCH if narrow else _MOST_OF_ANY_WIDTH

    async def fetch(self) -> Sequence[Row]:
        """The next rows of the portal."""
        began = time.monotonic()
        self._meter.begin(None, self._arrays.costs)
        records = await self._portal.fetch(self._size)
        if records:
            self._adapt(records, time.monotonic() - began)
        return self._arrays.read(records)

    async def finish(self) -> Completion:
        """Close the portal; the end of its transaction does."""
        if self._ending == COMMIT:
            await make_last(self._connection)
        elif self._ending:
            await self._connection.execute(self._ending)
        else:
            await self._portal._close_portal(None)
        return self._completion(self._prepared.get_statusmsg())

    def _adapt(self, records: list[Any], seconds: float) -> None:
        """Estimate the width from the widest of the last rows; the first fetches are small, so wide rows show early."""
        last = sum(len(cell) if isinstance(cell, (str, bytes)) else 8 for cell in records[-1]) or 8
        self._widest = max(self._widest, last)
        fitting = max(1, _TARGET_BYTES // self._widest)
        in_time = int(len(records) * _TARGET_SECONDS / seconds) if seconds > 0 else self._most
        self._size = max(1, min(self._most, fitting, in_time, self._size * 8))
