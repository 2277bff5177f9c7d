"""One aiosqlite connection: run a statement on its thread, read its rows in batches, leave nothing behind."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeVar

from rowgate_server.engines.description import Description
from rowgate_server.engines.dialects.sqlite import describing
from rowgate_server.engines.dialects.sqlite.guard import Guard
from rowgate_server.engines.driver import ExecuteMode
from rowgate_server.engines.results import Column, Completion, Row
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

_T = TypeVar("_T")

_FIRST_FETCH, _MOST_PER_FETCH = 128, 4096
_TARGET_BYTES = 256 * 1024
_INTERRUPT_EVERY = 0.01
_INT64 = 2**63


class SQLiteSession:
    """The session on one connection. Everything on the connection happens on its own thread, a hop away."""

    def __init__(self, connection: Any, guard: Guard) -> None:
        self._connection = connection
        self._guard = guard
        self._killed = False

    async def execute(self, statement: BoundStatement, mode: ExecuteMode) -> SQLiteCursor:
        """Run one statement in autocommit, and fetch its first rows in the same hop."""
        sql = "?".join(statement.fragments)
        arguments = _arguments(statement.values)

        def run(connection: sqlite3.Connection) -> tuple[sqlite3.Cursor, list[Row]]:
            if mode.read_only:
                connection.execute("PRAGMA query_only = ON")
            with self._stepping():
                cursor = connection.execute(sql, arguments)
                return cursor, cursor.fetchmany(_FIRST_FETCH) if cursor.description else []

        return SQLiteCursor(self, *await self.on_thread(run))

    async def describe(self, statement: BoundStatement, *, valued: bool) -> Description:
        """Compile it: neither its columns nor what it writes depend on the values."""
        del valued

        def run(connection: sqlite3.Connection) -> Description:
            with self._stepping():
                return describing.describe(connection, statement.fragments)

        return await self.on_thread(run)

    async def fetch(self, cursor: sqlite3.Cursor, size: int) -> list[Row]:
        """The next rows of a statement that `execute` began."""

        def run(_: sqlite3.Connection) -> list[Row]:
            with self._stepping():
                return cursor.fetchmany(size)

        return await self.on_thread(run)

    async def reset(self) -> None:
        """End a transaction left open; a connection with temporary tables is dropped."""

        def clean(connection: sqlite3.Connection) -> bool:
            if connection.in_transaction:
                connection.rollback()
            connection.execute("PRAGMA query_only = OFF")
            return connection.execute("SELECT 1 FROM temp.sqlite_master LIMIT 1").fetchone() is None

        if not await self.on_thread(clean):
            raise RowgateError(Reason.DATABASE_UNAVAILABLE, "the session has temporary tables")

    def defer_reset(self, *, reads: bool) -> bool:
        """Never: the reset costs no round trip."""
        del reads
        return False

    def alive(self) -> bool:
        """A file has no link to lose."""
        return True

    async def kill(self) -> None:
        """Interrupt the statement, again and again until its thread is free of it.

        One interrupt is not enough: SQLite forgets one that comes before the statement's first step.
        """
        self._killed = True
        freed = asyncio.ensure_future(self.on_thread(lambda connection: connection.rollback()))
        try:
            while not freed.done():
                await self._connection.interrupt()
                await asyncio.wait({freed}, timeout=_INTERRUPT_EVERY)
            await freed
        finally:
            freed.cancel()

    def reflecting(self) -> AbstractContextManager[None]:
        """Reflection takes cells as they are."""
        return nullcontext()

    def abort(self) -> None:
        """There is no link to cut; the interrupted thread ends by itself."""
        self._connection._conn.interrupt()

    async def on_thread(self, function: Callable[[sqlite3.Connection], _T]) -> _T:
        """Call a function on the connection's thread with sqlite3's own connection: one hop for several steps."""
        result: _T = await self._connection._execute(function, self._connection._conn)
        return result

    @contextmanager
    def _stepping(self) -> Iterator[None]:
        """Around all that steps a caller's statement, on the connection's thread."""
        if self._killed:
            raise sqlite3.OperationalError("the statement was cancelled before it began")
        with self._guard:
            yield


class SQLiteCursor:
    """A running statement: SQLite steps only as far as it is asked, so every cursor streams."""

    def __init__(self, session: SQLiteSession, cursor: sqlite3.Cursor, first: list[Row]) -> None:
        self._session = session
        self._cursor = cursor
        self._first: list[Row] | None = first
        self._size = _FIRST_FETCH
        # sqlite3 does not hand on the declared type, and any cell may hold any type anyway.
        self.columns: tuple[Column, ...] = tuple(
            Column(name[0], ValueType.DYNAMIC) for name in cursor.description or ()
        )

    async def fetch(self) -> Sequence[Row]:
        """The next rows; empty at the end."""
        if not self.columns:
            return ()
        if self._first is not None:
            rows, self._first = self._first, None
        else:
            rows = await self._session.fetch(self._cursor, self._size)
        if rows:
            self._adapt(rows[-1])
        return rows

    async def finish(self) -> Completion:
        """Close the statement, which commits it."""
        cursor = self._cursor
        affected = cursor.rowcount if cursor.rowcount >= 0 else None
        await self._session.on_thread(lambda _: cursor.close())
        return Completion(affected_rows=affected, last_insert_id=cursor.lastrowid if affected else None)

    async def stop(self) -> Completion:
        """Close the statement: SQLite makes all changes before the first row of a RETURNING."""
        return await self.finish()

    def _adapt(self, row: Row) -> None:
        width = sum(len(cell) if isinstance(cell, (str, bytes)) else 8 for cell in row) or 8
        self._size = min(_MOST_PER_FETCH, max(1, _TARGET_BYTES // width), self._size * 4)


def _arguments(values: Sequence[BoundValue]) -> list[Any]:
    arguments: list[Any] = []
    try:
        for value in values:
            arguments.append(_argument(value))  # noqa: PERF401 - how many there are says where it went wrong
    except RowgateError as error:
        raise error.of_value(len(arguments)) from None
    return arguments


def _argument(value: BoundValue) -> Any:
    """The value as sqlite3 binds it; SQLite stores numbers, text and bytes, and everything else as text."""
    if value.type is ValueType.UINT and value.value >= _INT64:
        raise RowgateError(Reason.VALUE_OUT_OF_RANGE, "SQLite's integers end at 9223372036854775807")
    if value.type is ValueType.DOUBLE and math.isnan(value.value):
        raise RowgateError(Reason.VALUE_OUT_OF_RANGE, "SQLite has no NaN")
    if value.type is ValueType.DECIMAL and value.value[-1].isalpha():
        raise RowgateError(Reason.VALUE_OUT_OF_RANGE, "SQLite has neither NaN nor infinite decimals")
    if value.type is ValueType.LIST:
        raise RowgateError(
            Reason.NOT_SUPPORTED, "SQLite has no array type; a list goes only behind IN, as in `id in :ids`"
        )
    if value.type is ValueType.BOOL:
        return int(value.value)
    return value.value
