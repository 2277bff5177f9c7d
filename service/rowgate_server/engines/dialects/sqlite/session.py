"""One aiosqlite connection: run a statement on its thread, read its rows in batches, leave nothing behind."""

from __future__ import annotations

import asyncio
import math
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from operator import length_hint
from typing import Any, TypeVar

from rowgate_server.engines.beside import listed_if_many
from rowgate_server.engines.description import Description
from rowgate_server.engines.dialects.sqlite import describing
from rowgate_server.engines.dialects.sqlite.arguments import bind
from rowgate_server.engines.dialects.sqlite.guard import Guard
from rowgate_server.engines.dialects.sqlite.patience import Patience
from rowgate_server.engines.dialects.sqlite.reading import read
from rowgate_server.engines.dialects.sqlite.rowids import Rowids
from rowgate_server.engines.driver import ExecuteMode, Remains, Standing, TransactionOptions
from rowgate_server.engines.many import RunFailedError, each
from rowgate_server.engines.results import Column, Completion, Row
from rowgate_server.engines.values import AnyStatement, BoundRows, BoundStatement, ValueType
from rowgate_server.errors import Reason, RowgateError

_T = TypeVar("_T")

_INTERRUPT_EVERY = 0.01
_MAKES = re.compile(r"\b(?:create|alter|drop)\b", re.IGNORECASE)
_WRITES = frozenset({"ALTER", "ANALYZE", "CREATE", "DELETE", "DROP", "INSERT", "REINDEX", "REPLACE", "UPDATE", "WITH"})
_INSERTS = frozenset({"INSERT", "REPLACE"})
_LOOK_ANEW = "SELECT 1 FROM sqlite_schema LIMIT 1"
"""Reads the schema again if another connection has changed it.

SQLite does that by itself for statements on tables. But whether a name is taken is decided before it looks: an index
that another connection has dropped "already exists".
"""


class SQLiteSession:
    """The session on one connection. Everything on the connection happens on its own thread, a hop away."""

    begins_late = True

    def __init__(self, connection: Any, guard: Guard) -> None:
        self._connection = connection
        self._guard = guard
        self._patience: Patience = connection.patience
        self._due: tuple[str, ...] = ()
        self._by_itself = False
        """The statement has a transaction of its own, which is committed behind it."""
        self._changes = 0
        self._open: sqlite3.Cursor | None = None
        """The statement that was begun last; it may have rows that nobody has read, or have failed.

        Held until it is closed on the thread: what is left of it, sqlite3 puts away with its cursor, and a garbage
        collection that does so on the event loop waits for whatever runs on the connection then, be it without end.
        """

    async def execute(self, statement: AnyStatement, mode: ExecuteMode) -> SQLiteCursor:
        """Run one statement, in autocommit unless a transaction was begun, and fetch its first rows in the same hop."""
        if isinstance(statement, BoundRows):
            statement = statement.spread()
        fragments, arguments = statement.fragments, bind(statement.values)
        sql, keyword = "?".join(fragments), describing.keyword_of(fragments[0])

        before, self._due = self._due, ()
        if mode.read_only:
            before = (*before, "PRAGMA query_only = ON")
        if _MAKES.search(fragments[0]):
            before = (*before, _LOOK_ANEW)

        def run(connection: sqlite3.Connection) -> tuple[sqlite3.Cursor, list[Row], Rowids | None]:
            self._changes = connection.total_changes
            self._run_each(connection, before)
            rowids = Rowids(connection, fragments) if keyword in _INSERTS else None
            if keyword in _WRITES and not (mode.read_only or connection.in_transaction):
                connection.execute("BEGIN")
                self._by_itself = True
            self._close_open(connection)
            self._open = cursor = connection.cursor()
            with self._guard:
                try:
                    self._patience.until_free(
                        cursor.execute, sql, arguments, first=lambda: self._take_lock(connection, keyword)
                    )
                except sqlite3.Error:
                    with suppress(sqlite3.Error):  # what OR FAIL has kept lasts, if it can
                        self.end_by_itself(connection)
                    raise
                rows = read(cursor, most) if cursor.description else []
            if not cursor.description:
                self.end_by_itself(connection)
            return cursor, rows, rowids

        most = math.inf if mode.row_limit is None else mode.row_limit + 1
        return SQLiteCursor(self, *await self.on_thread(run), most)

    def _take_lock(self, connection: sqlite3.Connection, keyword: str) -> None:
        """Take the lock that a statement has found in its way, or see that whoever reads may have it.

        A statement's own transaction is begun anew for that, and not at first: so its mistakes are told at once. And
        whether WITH reads or writes is known once it has been prepared.
        """
        if self._by_itself and (keyword != "WITH" or self._guard.changes):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
        connection.execute(_LOOK_ANEW)

    def end_by_itself(self, connection: sqlite3.Connection) -> None:
        """Commit what was done in a statement's own transaction, on the thread."""
        if self._by_itself and connection.in_transaction:
            try:
                self._patience.until_free(connection.execute, "COMMIT")
            except sqlite3.Error:
                connection.rollback()
                self._changes = connection.total_changes
                raise
        self._by_itself = False

    def _run_each(self, connection: sqlite3.Connection, commands: Sequence[str]) -> None:
        for command in commands:
            self._patience.until_free(connection.execute, command)

    async def execute_many(self, statements: Sequence[BoundStatement]) -> Sequence[int] | int:
        """By sqlite3's executemany: compiled once, in one hop; it counts all rows together."""
        sql = "?".join(statements[0].fragments)
        bound = each(statements, lambda statement: bind(statement.values))
        arguments = await listed_if_many(len(statements) * len(statements[0].values), bound)
        before, self._due = self._due, ()

        def run(connection: sqlite3.Connection) -> int:
            self._changes = connection.total_changes
            self._run_each(connection, before)
            self._patience.check()
            left = iter(arguments)
            try:
                with self._guard:
                    return connection.executemany(sql, left).rowcount
            except sqlite3.Error as error:
                # It takes the values of a run when it comes to it.
                raise RunFailedError(len(arguments) - length_hint(left) - 1, error) from error
            finally:
                self._changes = connection.total_changes  # of one that failed, a rollback undoes all

        return await self.on_thread(run)

    async def describe(self, statement: BoundStatement, *, valued: bool) -> Description:
        """Compile it: neither its columns nor what it writes depend on the values."""
        del valued

        def run(connection: sqlite3.Connection) -> Description:
            with self._guard:
                return self._patience.until_free(describing.describe, connection, statement.fragments)

        return await self.on_thread(run)

    async def fetch(self, cursor: sqlite3.Cursor, most: float) -> list[Row]:
        """The next rows of a statement that `execute` began, so many at the most."""

        def run(_: sqlite3.Connection) -> list[Row]:
            self._patience.check()
            with self._guard:
                return read(cursor, most)

        return await self.on_thread(run)

    async def begin(self, options: TransactionOptions) -> None:
        """In the hop of the first statement. A transaction here is always serializable.

        One that may write takes the write lock at once: one that took it later could find that another has written
        since, and would have to be begun again.
        """
        self._due = ("PRAGMA query_only = ON", "BEGIN") if options.read_only else ("BEGIN IMMEDIATE",)
        if options.lock_timeout is not None:
            self._patience.seconds = options.lock_timeout

    async def commit(self) -> None:
        """Commit."""
        await self._end("COMMIT")

    async def rollback(self) -> None:
        """Roll back."""
        await self._end("ROLLBACK")

    async def _end(self, command: str) -> None:
        if not self._due:
            await self.control(command)
        self._due = ()

    async def control(self, sql: str) -> None:
        """Run a command of the gateway's own."""
        before, self._due = self._due, ()

        await self.on_thread(lambda connection: self._run_each(connection, (*before, sql)))

    async def standing(self, error: Exception | None) -> Standing:
        """Some errors roll back the transaction, a full disk among them; others undo their statement."""
        del error
        active = bool(self._due) or self._connection._conn.in_transaction
        return Standing.ACTIVE if active else Standing.ENDED

    async def remains(self) -> Remains:
        """What was changed before OR FAIL, or a trigger's RAISE(FAIL), ended the statement: SQLite counts it."""
        connection = self._connection._conn
        if connection.total_changes == self._changes:
            return Remains.NOTHING
        return Remains.UNTIL_ROLLBACK if connection.in_transaction else Remains.FOR_GOOD

    async def reset(self) -> None:
        """End a transaction left open, and forget what was counted; a connection with temporary tables is dropped."""
        self._due = ()
        self._patience.reset()

        def clean(connection: sqlite3.Connection) -> bool:
            self._close_open(connection)
            self._by_itself = False
            if connection.in_transaction:
                connection.rollback()
            connection.execute("PRAGMA query_only = OFF")
            return bool(self._connection.counters.reset())

        if not await self.on_thread(lambda connection: self._patience.until_free(clean, connection)):
            raise RowgateError(Reason.DATABASE_UNAVAILABLE, "the session has temporary tables")

    def defer_reset(self, *, reads: bool) -> bool:
        """Never: the reset costs no round trip."""
        del reads
        return False

    def alive(self) -> bool:
        """A file has no link to lose."""
        return True

    def lost(self) -> bool:
        """Never."""
        return False

    async def kill(self) -> bool:
        """Interrupt the statement, again and again until its thread is free of it; then undo what it did.

        One interrupt is not enough: SQLite forgets one that comes before the statement's first step. It remembers one
        as long as a statement is open, and then interrupts the rollback as well; and a connection that is closed over
        an open statement keeps its locks.
        """
        self._patience.lose()
        if self._connection.closing is not None:
            if not self._connection.closing.done():
                self.abort()  # its thread has not come to that yet: it is told so again
            await asyncio.shield(self._connection.closing)
            return True
        freed = asyncio.ensure_future(self.on_thread(self._close_open))
        try:
            while not freed.done():
                await self._connection.interrupt()
                await asyncio.wait({freed}, timeout=_INTERRUPT_EVERY)
            await freed
        finally:
            freed.cancel()
        await self.on_thread(lambda connection: connection.rollback())
        return True

    def _close_open(self, _: sqlite3.Connection) -> None:
        """Close the statement that was begun last, on the connection's thread."""
        cursor, self._open = self._open, None
        if cursor is not None:
            cursor.close()

    def reflecting(self) -> AbstractContextManager[None]:
        """Reflection takes cells as they are."""
        return nullcontext()

    def abort(self) -> None:
        """There is no link to cut; the interrupted thread ends by itself."""
        self._connection.give_up()

    def occupies(self) -> asyncio.Future[Any] | None:
        """Its thread, while it is in a step that nothing interrupts: a function on a large value."""
        closing: asyncio.Future[Any] | None = self._connection.closing
        return None if closing is None or closing.done() else closing

    async def on_thread(self, function: Callable[[sqlite3.Connection], _T]) -> _T:
        """Call a function on the connection's thread with sqlite3's own connection: one hop for several steps."""
        result: _T = await self._connection.on_thread(function)
        return result


class SQLiteCursor:
    """A running statement: SQLite steps only as far as it is asked, so every cursor streams."""

    def __init__(
        self, session: SQLiteSession, cursor: sqlite3.Cursor, first: list[Row], rowids: Rowids | None, most: float
    ) -> None:
        self._session = session
        self._cursor = cursor
        self._first: list[Row] | None = first
        self._rowids = rowids
        self._most = most
        # sqlite3 does not hand on the declared type, and any cell may hold any type anyway.
        self.columns: tuple[Column, ...] = tuple(
            Column(name[0], ValueType.DYNAMIC) for name in cursor.description or ()
        )
        self._ended = not self.columns

    async def fetch(self) -> Sequence[Row]:
        """The next rows; empty at the end."""
        if not self.columns:
            return ()
        if self._first is not None:
            rows, self._first = self._first, None
        else:
            rows = await self._session.fetch(self._cursor, self._most)
        self._most -= len(rows)
        self._ended = not rows
        return rows

    async def finish(self) -> Completion:
        """Close the statement, and commit it if it is by itself."""
        cursor, rowids = self._cursor, self._rowids
        # sqlite3 counts when the last row of a RETURNING has been read.
        affected = cursor.rowcount if self._ended and cursor.rowcount >= 0 else None

        def end(connection: sqlite3.Connection) -> int | None:
            cursor.close()
            self._session.end_by_itself(connection)
            return rowids.inserted() if affected and rowids is not None else None

        return Completion(affected_rows=affected, last_insert_id=await self._session.on_thread(end))

    async def stop(self) -> Completion:
        """Close the statement: SQLite makes all changes before the first row of a RETURNING."""
        return await self.finish()
