"""A running statement on asyncmy: rows as they come, its end, its warnings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from asyncmy.errors import MySQLError

from rowgate_server.engines.breaths import Breaths
from rowgate_server.engines.dialects.mysql import columns
from rowgate_server.engines.dialects.mysql.binary import Answer, BinaryRows
from rowgate_server.engines.dialects.mysql.bounded import TooLongError
from rowgate_server.engines.dialects.mysql.link import Link
from rowgate_server.engines.dialects.mysql.messages import make_whole
from rowgate_server.engines.dialects.mysql.state import IN_TRANSACTION, STATE_CHANGED
from rowgate_server.engines.driver import ExecuteMode
from rowgate_server.engines.results import Completion, Row, StatementWarning

_MOST_WARNINGS = 64
_SHORT_REST = 8
"""Fetches: reading so much to its end costs less than a new connection."""


class _Cursor(ABC):
    """What both protocols have in common. A streaming cursor holds the link between fetches."""

    def __init__(self, link: Link, mode: ExecuteMode, fields: Sequence[Any]) -> None:
        self._link = link
        self._reads = mode.reads
        self._streaming = mode.streaming
        self.left_open: Callable[[], Awaitable[Exception]] | None = None
        """What to do where it is a transaction of its own, and one is open behind it; gives the error to raise."""
        self._status = 0
        """The server's flags behind the last of its results."""
        self._flags = 0
        """Those behind any of them. A change is told once, behind the first result that comes after it."""
        self.columns: columns.FieldColumns = columns.columns_of(fields)
        if self._streaming:
            link.hold()

    async def fetch(self) -> Sequence[Row]:
        """The rows that have been received, at least one; empty at the end."""
        if not self.columns:
            return ()
        if self._streaming:
            self._link.resume()
        try:
            rows = await self._rows()
        except MySQLError as error:
            await make_whole(self._link, error)
            raise
        if self._streaming:
            self._link.hold()
        return rows

    async def finish(self) -> Completion:
        """Ask for the warnings if there are any."""
        if self._streaming:
            self._link.resume()
        try:
            completion = await self._completion()
        except MySQLError as error:
            await make_whole(self._link, error)
            raise
        if not (self._flags | self._status) & STATE_CHANGED:
            self._link.untold -= 1
        if self.left_open is not None and self._status & IN_TRANSACTION:
            raise await self.left_open()
        return completion

    async def stop(self) -> Completion | None:
        """Read a short rest to its end; a long one takes a kill.

        The protocol has no way to stop a result. A write that returns rows is read to its end however long it is:
        a kill would undo it.
        """
        fetches = 0
        try:
            while await self.fetch():
                fetches += 1
                if self._reads and fetches == _SHORT_REST:
                    return None
        except TooLongError:
            if not self._reads:
                raise
            return None  # a row that nobody asked for; the link is cut, and what runs is killed, as after a long rest
        return await self.finish()

    @abstractmethod
    async def _rows(self) -> Sequence[Row]: ...

    @abstractmethod
    async def _completion(self) -> Completion: ...

    async def _warnings(self, count: int) -> tuple[StatementWarning, ...]:
        if not count:
            return ()
        connection = self._link.connection
        await connection.query(f"SHOW WARNINGS LIMIT {_MOST_WARNINGS}")
        return tuple(StatementWarning(str(code), message, level) for level, code, message in connection._result.rows)

    async def _drain(self) -> tuple[StatementWarning, ...]:
        """A CALL may answer with several results: the first is the answer, and the others are told of.

        They are passed over unread, so it does not matter which protocol they come in.
        """
        dropped = 0
        connection = self._link.connection
        more = True
        breaths = Breaths()  # a loop in a CALL answers with results for as long as it likes
        while more:
            await breaths.take()
            await connection.next_result(unbuffered=True)
            current = connection._result
            dropped += bool(current.field_count)
            if current.unbuffered_active:
                await current._finish_unbuffered_query()
            self._flags |= current.server_status or 0
            more = current.has_next
        self._status = connection._result.server_status
        if not dropped:
            return ()
        text = f"{dropped} further result set(s) of this statement are not in the answer, which is the first one"
        return (StatementWarning("ROWGATE", text, "Warning"),)


class TextCursor(_Cursor):
    """The text protocol, by asyncmy's own unbuffered result: rows come in batches of a receive buffer."""

    def __init__(self, link: Link, mode: ExecuteMode) -> None:
        self._result = link.connection._result
        super().__init__(link, mode, self._result.fields if self._result.field_count else ())

    async def _rows(self) -> Sequence[Row]:
        first = await self._result._read_rowdata_packet_unbuffered()
        return () if first is None else self.columns.finish([first, *self._result._take_pending_rows()])

    async def _completion(self) -> Completion:
        result = self._result
        if result.unbuffered_active:
            await result._finish_unbuffered_query()
        self._link.status = self._status = self._flags = result.server_status
        notes = await (self._drain() if result.has_next else self._warnings(result.warning_count))
        return Completion(
            affected_rows=None if self.columns else result.affected_rows,
            last_insert_id=result.insert_id or None,
            warnings=notes,
        )


class BinaryCursor(_Cursor):
    """The binary protocol: see `binary`."""

    def __init__(self, link: Link, mode: ExecuteMode, answer: Answer) -> None:
        self._answer = answer
        self._result = BinaryRows(link.connection, answer)
        super().__init__(link, mode, answer.fields)

    async def _rows(self) -> Sequence[Row]:
        return await self._result.fetch()

    async def _completion(self) -> Completion:
        breaths = Breaths()
        while not self._result.ended:
            await self._result.fetch()
            await breaths.take()
        self._status = self._flags = self._result.status
        notes = await (self._drain() if self._result.more else self._warnings(self._result.warning_count))
        return Completion(
            affected_rows=None if self.columns else self._answer.affected_rows,
            last_insert_id=self._answer.insert_id or None,
            warnings=notes,
        )
