"""One asyncmy connection: run a statement, read its rows as they come, wipe the session clean."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from rowgate_server.engines.dialects.mysql import columns, literals
from rowgate_server.engines.driver import ExecuteMode
from rowgate_server.engines.results import Column, Completion, Row, StatementWarning
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError

_COM_INIT_DB, _COM_QUERY, _COM_SET_OPTION, _COM_RESET_CONNECTION = b"\x02", b"\x03", b"\x1b", b"\x1f"
_MULTI_STATEMENTS_OFF = _COM_SET_OPTION + struct.pack("<H", 1)
_MOST_WARNINGS = 64
_SHORT_REST = 8
"""Receive buffers of up to 256 KiB: reading so much costs less than a new connection."""


class Killer(Protocol):
    """What can stop a statement from outside its connection."""

    async def kill(self, thread_id: int) -> None:
        """End the connection of that number, and what it runs."""


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What every session of one server has in common.

    Attributes:
        setup: the SET statement that gives a fresh session the gateway's settings.
        database: the default schema; empty for none.
        max_packet: the server's `max_allowed_packet`, in bytes.
    """

    setup: str
    database: str
    max_packet: int


class MySQLSession:
    """The session on one connection.

    Args:
        connection: asyncmy's.
        settings: what a fresh session is to be like.
        killer: stops a running statement.
    """

    def __init__(self, connection: Any, settings: SessionSettings, killer: Killer) -> None:
        self._connection = connection
        self._settings = settings
        self._killer = killer

    async def prepare(self) -> None:
        """Set a new connection up for the gateway's use."""
        await self._commands(_MULTI_STATEMENTS_OFF, *self._fresh())

    async def execute(self, statement: BoundStatement, mode: ExecuteMode) -> MySQLCursor:
        """Run one statement; autocommit makes it a transaction of its own."""
        sql = literals.render(statement).encode()
        # The server answers a longer packet with 1153 and closes the connection.
        if len(sql) >= self._settings.max_packet:
            raise RowgateError(
                Reason.VALUE_OUT_OF_RANGE,
                "the statement with its parameters is larger than the database's max_allowed_packet",
                limit=f"{self._settings.max_packet} bytes",
                outcome=Outcome.NOT_RUN,
            )
        if mode.read_only:
            await self._connection.query("SET SESSION TRANSACTION READ ONLY")
        await self._connection.query(sql, unbuffered=True)
        return MySQLCursor(self._connection, mode)

    async def reset(self) -> None:
        """COM_RESET_CONNECTION drops variables, temporary tables, locks and prepared statements; then the set-up again.

        The reset gives the session the server's defaults, but leaves the schema that a USE chose.
        """
        self._resume()
        await self._commands(_COM_RESET_CONNECTION, *self._fresh())
        if not self._settings.database:
            await self._connection.query("SELECT DATABASE()")
            if self._connection._result.rows[0][0] is not None:
                # No command goes back to having none.
                raise RowgateError(Reason.DATABASE_UNAVAILABLE, "the session has chosen a schema")

    async def kill(self) -> None:
        """Stop what runs here, then cut the link: the rest of a result would otherwise be read to its end."""
        try:
            await self._killer.kill(self._connection.thread_id())
        finally:
            self.abort()

    def reflecting(self) -> AbstractContextManager[None]:
        """Reflection takes cells as they are."""
        return nullcontext()

    def abort(self) -> None:
        """Cut the link at once."""
        transport = self._connection._transport
        if transport is not None:
            transport.abort()
        self._connection.close()

    def _resume(self) -> None:
        transport = self._connection._transport
        if transport is not None and not transport.is_closing():
            transport.resume_reading()

    def _fresh(self) -> tuple[bytes, ...]:
        setup = _COM_QUERY + self._settings.setup.encode()
        return (_COM_INIT_DB + self._settings.database.encode(), setup) if self._settings.database else (setup,)

    async def _commands(self, *payloads: bytes) -> None:
        """Commands that are each answered by one OK packet, in one write: the server takes them one after another."""
        connection = self._connection
        if connection._result is not None and connection._result.unbuffered_active:
            raise RowgateError(Reason.DATABASE_UNAVAILABLE, "the session has a result that nobody read")
        connection._result = None
        connection._write_bytes(b"".join(struct.pack("<I", len(payload)) + payload for payload in payloads))
        for _ in payloads:
            connection._next_seq_id = 1
            await connection.read_packet()


class MySQLCursor:
    """An unbuffered result: rows are taken from the receive buffer in batches.

    asyncmy's protocol never pauses the socket, so an unread result grows in memory without bound (256 MB in 2 s
    here). A streaming cursor therefore pauses it between fetches: that is what holds back the server.
    """

    def __init__(self, connection: Any, mode: ExecuteMode) -> None:
        self._connection = connection
        self._reads = mode.reads
        self._result = connection._result
        self._streaming = mode.streaming
        fields = self._result.fields if self._result.field_count else ()
        self.columns: tuple[Column, ...] = tuple(columns.column(field) for field in fields)
        if self._streaming:
            self._hold()

    async def fetch(self) -> Sequence[Row]:
        """The rows that the receive buffer has, at least one; empty at the end."""
        if not self.columns:
            return ()
        if self._streaming:
            self._connection._transport.resume_reading()
        first = await self._result._read_rowdata_packet_unbuffered()
        if first is None:
            return ()
        rows = [first, *self._result._take_pending_rows()]
        if self._streaming:
            self._hold()
        return rows

    async def finish(self) -> Completion:
        """Read to the end, and ask for the warnings if there are any."""
        result = self._result
        if self._streaming and self._connection._transport is not None:
            self._connection._transport.resume_reading()
        if result.unbuffered_active:
            await result._finish_unbuffered_query()
        warnings = await self._warnings(result.warning_count)
        more = await self._drain() if result.has_next else ()
        return Completion(
            affected_rows=None if self.columns else result.affected_rows,
            last_insert_id=result.insert_id or None,
            warnings=(*warnings, *more),
        )

    async def stop(self) -> Completion | None:
        """Read a short rest to its end; a long one takes a kill.

        The protocol has no way to stop a result. A write that returns rows is read to its end however long it is:
        a kill would undo it.
        """
        if self._reads:
            for _ in range(_SHORT_REST):
                if not await self.fetch():
                    return await self.finish()
            return None
        while await self.fetch():
            pass
        return await self.finish()

    async def _warnings(self, count: int) -> tuple[StatementWarning, ...]:
        if not count or self._result.has_next:
            return ()
        await self._connection.query(f"SHOW WARNINGS LIMIT {_MOST_WARNINGS}")
        rows = self._connection._result.rows
        return tuple(StatementWarning(str(code), message, level) for level, code, message in rows)

    async def _drain(self) -> tuple[StatementWarning, ...]:
        """A CALL may answer with several results: the first is the answer, and the others are told of."""
        dropped = 0
        current = self._result
        while current.has_next:
            await self._connection.next_result(unbuffered=True)
            current = self._connection._result
            dropped += bool(current.field_count)
            if current.unbuffered_active:
                await current._finish_unbuffered_query()
        if not dropped:
            return ()
        text = f"{dropped} further result set(s) of this statement are not in the answer, which is the first one"
        return (StatementWarning("ROWGATE", text, "Warning"),)

    def _hold(self) -> None:
        transport = self._connection._transport
        if transport is not None and not transport.is_closing():
            transport.pause_reading()
