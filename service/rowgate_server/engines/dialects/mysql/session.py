"""One asyncmy connection: run a statement, wipe the session clean, stop what runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

from asyncmy.errors import MySQLError

from rowgate_server.engines.description import Description, ParameterType
from rowgate_server.engines.dialects.mysql import binary, columns, literals
from rowgate_server.engines.dialects.mysql.control import Killer
from rowgate_server.engines.dialects.mysql.cursor import BinaryCursor, TextCursor
from rowgate_server.engines.dialects.mysql.ends import has_written, was_committed
from rowgate_server.engines.dialects.mysql.guard import is_refusal
from rowgate_server.engines.dialects.mysql.link import (
    COM_QUERY,
    COM_RESET_CONNECTION,
    LARGEST_PACKET,
    MULTI_STATEMENTS_OFF,
    Link,
)
from rowgate_server.engines.dialects.mysql.messages import make_whole
from rowgate_server.engines.dialects.mysql.preparing import let_go, prepare, run_once
from rowgate_server.engines.dialects.mysql.refusals import NONE_LEFT, not_exact, types_have_changed
from rowgate_server.engines.dialects.mysql.settings import SessionSettings
from rowgate_server.engines.dialects.mysql.state import IN_TRANSACTION, SessionState
from rowgate_server.engines.dialects.mysql.statements import Facts
from rowgate_server.engines.dialects.mysql.undoing import ROLLBACK, end_left_open, kept, look_for_prepared
from rowgate_server.engines.driver import Cursor, ExecuteMode, NotUndoneError, Remains, Standing, TransactionOptions
from rowgate_server.engines.many import RunFailedError, each
from rowgate_server.engines.values import AnyStatement, BoundRows, BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError

_WRITES_IN_READ_ONLY = (1792,)
_NO_SAVEPOINTS = (1178,)
"""The storage engine doesn't support SAVEPOINT: one without transactions that takes part all the same, such as Aria."""
_PLACE = "rowgate_remains"
_READ_ONLY = COM_QUERY + b"SET SESSION TRANSACTION READ ONLY"
_START = COM_QUERY + b"START TRANSACTION"
_STRICT = (
    COM_QUERY
    + b"SET @rowgate_sql_mode=@@sql_mode,sql_mode=CONCAT(@@sql_mode,',STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO')"
)
_NO_AUTOCOMMIT = COM_QUERY + b"SET autocommit=0"
_MOST_AT_ONCE, _MOST_BYTES_AT_ONCE = 256, 256 * 1024
"""Commands, and bytes, that are under way at once: their answers must fit into the socket while nobody reads them."""
_NOT_STRICT = COM_QUERY + b"SET sql_mode=@rowgate_sql_mode"


AnyCursor = TypeVar("AnyCursor", TextCursor, BinaryCursor)


class MySQLSession:
    """The session on one connection.

    Args:
        connection: asyncmy's.
        settings: what a fresh session is to be like.
        killer: stops a running statement.
    """

    begins_late = True

    def __init__(self, connection: Any, settings: SessionSettings, killer: Killer) -> None:
        self._link = Link(connection)
        self._settings = settings
        self._killer = killer
        self._state = SessionState(tracked=settings.tracks)
        self._reset_due = False
        self._due: list[bytes] = []
        self._begun = False
        self._strict = False
        self._only_read = False

    async def prepare(self) -> None:
        """Set a new connection up for the gateway's use."""
        await self._commands(MULTI_STATEMENTS_OFF, *self._settings.fresh())

    async def execute(self, statement: AnyStatement, mode: ExecuteMode) -> Cursor:
        """Run one statement; autocommit makes it a transaction of its own, unless one was begun."""
        reads = mode.reads
        facts = self._settings.statements.facts(statement, reads=reads)
        plain = None if self._begun else await self._settings.statements.plain(statement, facts, mode, self._ask)
        sql = plain or self._rendered(statement)
        self._only_read = reads
        if self._begun:
            mode = mode._replace(reads=False)  # a result is read to its end: a kill would be the end of it all
        before = self._before(mode, plain=plain is not None)
        try:
            return await self._run(before, facts, sql, mode, reads=reads)
        except MySQLError as error:
            if plain is not None and is_refusal(error):
                facts.guarded = None
                self._state.soil()
                return await self.execute(statement, mode)
            await make_whole(self._link, error)
            raise

    async def _run(self, before: list[bytes], facts: Facts, sql: bytes, mode: ExecuteMode, *, reads: bool) -> Cursor:
        unpreparable = False
        if mode.floats and facts.rounded is not False and len(sql) < LARGEST_PACKET:
            self._state.changed()
            prepared = await self._prepared(before, facts, sql)
            if prepared is None:
                unpreparable = True
            elif facts.learn(prepared.fields, reads=reads):
                return await self._execute_prepared(prepared, mode)
            else:
                let_go(self._link, prepared)
            before = []
        self._link.untold += 1
        await self._link.query(before, sql)
        cursor = self._watched(TextCursor(self._link, mode))
        if not cursor.columns.rounded:
            return cursor
        facts.rounded = True  # for all calls of such a statement; some may run now
        await cursor.finish()
        if unpreparable or not reads or len(sql) >= LARGEST_PACKET:
            raise not_exact()
        return await self._run_exactly(sql, mode)

    async def _prepared(self, before: list[bytes], facts: Facts, sql: bytes) -> binary.Prepared | None:
        try:
            return await prepare(self._link, before, sql)
        except RowgateError as error:
            # It may do without as long as nobody knows that its numbers would be rounded.
            if facts.rounded or error.metadata.get("vendor_code") != NONE_LEFT:
                raise
            return None

    async def _run_exactly(self, sql: bytes, mode: ExecuteMode) -> Cursor:
        """Run a statement prepared whose answer has just come as text that rounds its numbers.

        That is after ALTER TABLE, or with a value of another type. Only what reads may be run twice, so it is run in
        a session that refuses the writes of functions.
        """
        if self._begun:
            raise types_have_changed()  # what refuses writes begins with a transaction, and this one has begun
        self._state.changed()
        try:
            prepared = await prepare(self._link, [_READ_ONLY], sql)
            if prepared is not None:
                return await self._execute_prepared(prepared, mode)
        except MySQLError as error:
            if mode.read_only or error.args[:1] != _WRITES_IN_READ_ONLY:
                raise
            raise types_have_changed() from error
        raise not_exact()

    async def execute_many(self, statements: Sequence[BoundStatement]) -> Sequence[int] | int:
        """Many commands in one write.

        Those behind one that fails run all the same. Without autocommit they, too, are in a transaction, even where the
        error has rolled back the one that they were meant for.
        """
        before = self._overdue()
        self._state.changed()
        self._link.untold += 1  # of many answers, nobody reads what they tell
        affected: list[int] = []
        commands: list[bytes] = []
        size = 0
        for sql in each(statements, self._one_of_many):
            if commands and (len(commands) == _MOST_AT_ONCE or size + len(sql) > _MOST_BYTES_AT_ONCE):
                affected += await self._changes(before, commands, len(affected))
                before, commands, size = [], [], 0
            commands.append(COM_QUERY + sql)
            size += len(sql)
        return affected + await self._changes(before, commands, len(affected))

    def _one_of_many(self, statement: BoundStatement) -> bytes:
        sql = self._rendered(statement)
        if len(sql) >= LARGEST_PACKET:
            raise RowgateError(Reason.VALUE_OUT_OF_RANGE, "a statement of many is too large", outcome=Outcome.NOT_RUN)
        return sql

    async def _changes(self, before: list[bytes], commands: list[bytes], first: int) -> list[int]:
        """What some of many runs have changed, the first of them being that one of all."""
        try:
            return await self._link.changes(before, commands)
        except RunFailedError as failed:
            raise RunFailedError(first + failed.index, failed.error) from failed.error

    async def describe(self, statement: BoundStatement, *, valued: bool) -> Description:
        """Prepare it, with its values where they are known: an expression's type may depend on them."""
        sql = (literals.render(statement) if valued else "?".join(statement.fragments)).encode()
        self._settings.check_size(sql)
        prepared = await prepare(self._link, self._overdue(), sql) if len(sql) < LARGEST_PACKET else None
        if prepared is None:
            raise RowgateError(
                Reason.NOT_SUPPORTED, "the database does not describe this statement", outcome=Outcome.NOT_RUN
            )
        let_go(self._link, prepared)
        return Description(
            columns=tuple(columns.columns_of(prepared.fields)),
            parameters=tuple(ParameterType() for _ in statement.values),
        )

    async def begin(self, options: TransactionOptions) -> None:
        """With the first statement, in one write.

        The session is made read-only, not the transaction: that stops statements too that commit by themselves.
        """
        self._due = [_READ_ONLY] if options.read_only else []
        if options.isolation is not None:
            self._due.append(COM_QUERY + f"SET SESSION TRANSACTION ISOLATION LEVEL {options.isolation.value}".encode())
        if options.lock_timeout is not None:
            wait = max(1, math.ceil(options.lock_timeout))
            self._due.append(
                COM_QUERY + f"SET SESSION innodb_lock_wait_timeout={wait},lock_wait_timeout={wait}".encode()
            )
        if options.many:
            self._due.append(_NO_AUTOCOMMIT)  # not later: the server would forget what it can't roll back
        self._due.append(_START)
        self._begun = True

    async def commit(self) -> None:
        """Commit it."""
        await self._end(b"COMMIT")

    async def rollback(self) -> None:
        """Roll it back."""
        await self._end(b"ROLLBACK")

    async def control(self, sql: str) -> None:
        """Run a command of the gateway's own."""
        if await self._commands(*self._overdue(), COM_QUERY + sql.encode()) and await kept(self._link):
            raise NotUndoneError

    async def standing(self, error: Exception | None) -> Standing:
        """A deadlock rolls back the transaction, a procedure may end it; other errors undo their statement only."""
        status = self._link.status
        # 0: the statement's answer did not tell, as those of the binary protocol don't.
        if error is not None or not (status or self._only_read):
            status = await self._link.ping()
        if not status or status & IN_TRANSACTION:
            return Standing.ACTIVE
        return Standing.COMMITTED if error is None and await was_committed(self._link) else Standing.ENDED

    async def remains(self) -> Remains:
        """What tables of other engines than InnoDB keep: of a rollback, the server warns; so one is tried."""
        if self._due:
            return Remains.NOTHING
        if not self._begun or not await self._link.ping() & IN_TRANSACTION:
            reads = self._only_read and not self._begun  # a transaction has written before, and is undone
            written = await kept(self._link) or (reads and await has_written(self._link))
            return Remains.FOR_GOOD if written else Remains.NOTHING
        try:
            await self._commands(COM_QUERY + f"SAVEPOINT {_PLACE}".encode())
        except MySQLError as error:
            await look_for_prepared(self._link, error)
            if error.args[:1] != _NO_SAVEPOINTS:
                raise
            return Remains.FOR_GOOD
        warnings = await self._commands(COM_QUERY + f"ROLLBACK TO SAVEPOINT {_PLACE}".encode())
        return Remains.FOR_GOOD if warnings and await kept(self._link) else Remains.NOTHING

    async def reset(self) -> None:
        """COM_RESET_CONNECTION drops variables, temporary tables, locks and prepared statements; then the set-up again.

        The reset gives the session the server's defaults, but leaves the schema that a USE chose.
        """
        self._link.resume()
        self._forget()
        # A transaction that a caller has prepared can't be rolled back: the reset ends here, where the server's own
        # would leave a connection that can read no table any more.
        open_yet = not self._link.status or self._link.status & IN_TRANSACTION
        rollback = [ROLLBACK] if open_yet else []
        await self._commands(*rollback, *self._wiping())
        self._state.reset()
        if not self._settings.database:
            connection = self._link.connection
            await connection.query("SELECT DATABASE()")
            if connection._result.rows[0][0] is not None:
                # No command goes back to having none.
                raise RowgateError(Reason.DATABASE_UNAVAILABLE, "the session has chosen a schema")

    def defer_reset(self, *, reads: bool) -> bool:
        """After a plain statement that left the session as it was, the reset waits for one that is not plain.

        It then goes out in one write with that statement. Were it refused, the server would still run the statement;
        its answer is thrown away, and the connection dropped. Only after a USE can a part of it be refused (the
        schema may be gone), and a USE is not plain; or when the login's role has been taken from it just now.
        """
        pristine = self._state.ended(self._link.status) and not self._link.unread
        self._reset_due = reads and pristine and bool(self._settings.database)
        if self._reset_due:
            self._link.resume()
        return self._reset_due

    def alive(self) -> bool:
        """Whether the server has not said goodbye, nor left anything to read."""
        return self._link.alive and not self._link.unread

    def lost(self) -> bool:
        """Whether it has, or the way to it is gone: a read that is cancelled closes the connection as well."""
        return not self._link.alive and not self._link.given_up

    async def kill(self) -> bool:
        """Stop what runs here, then cut the link: the rest of a result would otherwise be read to its end."""
        try:
            return await self._killer.kill(self._link.connection)
        finally:
            self.abort()

    def reflecting(self) -> AbstractContextManager[None]:
        """Reflection takes cells as they are."""
        return nullcontext()

    def abort(self) -> None:
        """Cut the link at once."""
        self._link.abort()

    def occupies(self) -> None:
        """Statements run on the server."""

    async def _end(self, command: bytes) -> None:
        if _START in self._due:
            self._due = []  # nothing has run in it
        else:
            warnings = await self._commands(COM_QUERY + command)
            if warnings and await kept(self._link):
                self._begun = False
                raise NotUndoneError
        self._begun = False

    def _forget(self) -> None:
        """A reset ends all of this."""
        self._reset_due = self._begun = self._strict = False
        self._due = []

    def _before(self, mode: ExecuteMode, *, plain: bool) -> list[bytes]:
        """The commands to send before the statement."""
        if self._begun:
            self._link.must_be_silent()
        before = self._overdue(plain=plain)
        settings = [_READ_ONLY] if mode.read_only and not self._begun else []
        if mode.strict is not self._strict:
            settings.append(_STRICT if mode.strict else _NOT_STRICT)
            self._strict = mode.strict
        if settings or self._begun:
            self._state.changed()
        return [*before, *settings]

    def _overdue(self, *, plain: bool = False) -> list[bytes]:
        """What waits to be sent before anything else: a reset that is still needed, the beginning of a transaction."""
        needed = self._state.begin(plain=plain)
        reset, self._reset_due = self._reset_due or self._state.soiled, False
        due, self._due = self._due, []
        self._link.status = 0
        if not (reset and needed):
            return due
        self._state.reset()
        self._state.begin(plain=plain)
        return [*self._wiping(), *due]

    def _wiping(self) -> list[bytes]:
        """The commands of a reset."""
        changed = bool(self._link.untold) or not self._settings.tracks
        self._link.untold = 0
        return [COM_RESET_CONNECTION, *self._settings.fresh(changed=changed)]

    async def _ask(self, sql: str) -> Any:
        """Ask something of the gateway's own, between statements: its row."""
        self._state.soil()
        await self._link.connection.query(sql)
        return self._link.connection._result.rows[0]

    def _rendered(self, statement: AnyStatement) -> bytes:
        """It with its values in it; refused where it is too large."""
        text = literals.render_rows(statement) if isinstance(statement, BoundRows) else literals.render(statement)
        sql = text.encode()
        self._settings.check_size(sql)
        return sql

    async def _execute_prepared(self, prepared: binary.Prepared, mode: ExecuteMode) -> BinaryCursor:
        self._link.untold += 1
        return self._watched(BinaryCursor(self._link, mode, await run_once(self._link, prepared)))

    def _watched(self, cursor: AnyCursor) -> AnyCursor:
        """A statement by itself must leave no transaction open."""
        cursor.left_open = None if self._begun else partial(end_left_open, self._link)
        return cursor

    async def _commands(self, *payloads: bytes) -> int:
        """Run commands; how many warnings the last one has."""
        self._link.write(*payloads)
        return await self._link.read_ok(len(payloads))
