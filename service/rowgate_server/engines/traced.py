"""Spans around statements and transactions' commands: a driver that stands before another one, where traces are on.

Everything else goes straight through, so that without traces nothing of this is there at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar, cast

from rowgate_server.engines.driver import Cursor, Driver, ExecuteMode, Session, TransactionOptions
from rowgate_server.engines.many import RunFailedError
from rowgate_server.engines.results import Column, Completion, Row
from rowgate_server.engines.values import AnyStatement, BoundStatement
from rowgate_server.errors import RowgateError
from rowgate_server.observability.tracing import PartSpan, Place, StatementSpan, Tracing

_T = TypeVar("_T")


def traced(driver: Driver, tracing: Tracing, place: Place) -> Driver:
    """The driver, whose sessions make a span for each statement, and each command that begins or ends a transaction."""
    return cast("Driver", TracedDriver(driver, tracing, place))


class _Before:
    """Stands before something else, and is like it in all that it does not do itself."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class TracedDriver(_Before):
    """Makes traced sessions."""

    def __init__(self, driver: Driver, tracing: Tracing, place: Place) -> None:
        super().__init__(driver)
        self.tracing = tracing
        self.place = place

    def session(self, connection: Any) -> Session:
        """As `Driver`."""
        inner = self._inner.session(connection)
        return cast("Session", _TracedSession(inner, self._inner, self.tracing, self.place))


class _TracedSession(_Before):
    """A span begins with a statement, and ends with its rows; a kill, or the next statement, ends it at the latest."""

    def __init__(self, session: Session, driver: Driver, tracing: Tracing, place: Place) -> None:
        super().__init__(session)
        self._driver = driver
        self._tracing = tracing
        self._place = place
        self._span: StatementSpan | None = None
        self._begin_due = False

    async def begin(self, options: TransactionOptions) -> None:
        self._leave("abandoned")
        if self._inner.begins_late:
            await self._inner.begin(options)
            self._begin_due = True
        else:
            await self._command("BEGIN", self._inner.begin(options))

    async def commit(self) -> None:
        await self._end("COMMIT", self._inner.commit())

    async def rollback(self) -> None:
        await self._end("ROLLBACK", self._inner.rollback())

    async def control(self, sql: str) -> None:
        self._begin_due = False
        await self._command(sql.rpartition(" ")[0], self._inner.control(sql))

    async def execute(self, statement: AnyStatement, mode: ExecuteMode) -> Cursor:
        self._leave("abandoned")
        span = self._statement(statement.fragments)
        if span is None:
            return cast("Cursor", await self._inner.execute(statement, mode))
        self._span = span
        try:
            cursor = await self._inner.execute(statement, mode)
        except BaseException as error:
            _fail(self._driver, span, error)
            raise
        return _TracedCursor(cursor, self._driver, span)

    async def execute_many(self, statements: Sequence[BoundStatement]) -> Sequence[int] | int:
        self._leave("abandoned")
        span = self._statement(statements[0].fragments, len(statements))
        changed: Sequence[int] | int = await self._within(span, self._inner.execute_many(statements))
        return changed

    async def kill(self) -> bool:
        self._leave("killed")
        self._begin_due = False
        return bool(await self._inner.kill())

    def defer_reset(self, *, reads: bool) -> bool:
        self._leave("abandoned")
        self._begin_due = False
        return bool(self._inner.defer_reset(reads=reads))

    async def reset(self) -> None:
        self._leave("abandoned")
        self._begin_due = False
        await self._inner.reset()

    def _leave(self, kind: str) -> None:
        """A span that is still open belongs to a statement that nobody reads to its end."""
        span, self._span = self._span, None
        if span is not None:
            span.fail(kind)

    def _statement(self, fragments: Sequence[str], sets: int = 1) -> StatementSpan | None:
        span = self._tracing.statement(self._place, fragments, sets)
        if self._begin_due and span is not None:
            span.began()
        self._begin_due = False
        return span

    async def _end(self, operation: str, command: Awaitable[None]) -> None:
        """A transaction without a statement was never begun, where that waits for one: then nothing is sent."""
        self._leave("abandoned")
        if self._begin_due:
            self._begin_due = False
            await command
        else:
            await self._command(operation, command)

    async def _command(self, operation: str, command: Awaitable[None]) -> None:
        await self._within(self._tracing.command(self._place, operation), command)

    async def _within(self, span: PartSpan | None, awaited: Awaitable[_T]) -> _T:
        """What is awaited, and the end of its span."""
        try:
            got = await awaited
        except BaseException as error:
            if span is not None:
                _fail(self._driver, span, error)
            raise
        if span is not None:
            span.end()
        return got


def _fail(driver: Driver, span: PartSpan, error: BaseException) -> None:
    if isinstance(error, RunFailedError):
        error = error.error
    told = error if isinstance(error, RowgateError) else driver.translate(error, has_parameters=True)
    if told is None:
        span.fail(type(error).__qualname__)
    else:
        span.fail(told.reason.value, told.metadata.get("sqlstate") or told.metadata.get("vendor_code", ""))


class _TracedCursor:
    """Counts the rows."""

    def __init__(self, cursor: Cursor, driver: Driver, span: StatementSpan) -> None:
        self._cursor = cursor
        self._driver = driver
        self._span = span

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._cursor.columns

    async def fetch(self) -> Sequence[Row]:
        try:
            rows = await self._cursor.fetch()
        except BaseException as error:
            _fail(self._driver, self._span, error)
            raise
        self._span.returned(len(rows))
        return rows

    async def finish(self) -> Completion:
        try:
            completion = await self._cursor.finish()
        except BaseException as error:
            _fail(self._driver, self._span, error)
            raise
        self._span.end()
        return completion

    async def stop(self) -> Completion | None:
        completion = await self._cursor.stop()
        if completion is not None:
            self._span.end()
        return completion
