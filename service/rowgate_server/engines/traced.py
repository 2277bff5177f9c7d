"""Spans around statements: a driver that stands before another one, where traces are switched on.

Everything else goes straight through, so that without traces nothing of this is there at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from rowgate_server.engines.driver import Cursor, Driver, ExecuteMode, Session
from rowgate_server.engines.many import RunFailedError
from rowgate_server.engines.results import Column, Completion, Row
from rowgate_server.engines.values import AnyStatement, BoundStatement
from rowgate_server.observability.tracing import Place, StatementSpan, Tracing


def traced(driver: Driver, tracing: Tracing, place: Place) -> Driver:
    """The driver, whose sessions make a span for each statement."""
    return cast("Driver", _TracedDriver(driver, tracing, place))


class _Before:
    """Stands before something else, and is like it in all that it does not do itself."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _TracedDriver(_Before):
    def __init__(self, driver: Driver, tracing: Tracing, place: Place) -> None:
        super().__init__(driver)
        self._tracing = tracing
        self._place = place

    def session(self, connection: Any) -> Session:
        inner = self._inner.session(connection)
        return cast("Session", _TracedSession(inner, self._inner, self._tracing, self._place))


class _TracedSession(_Before):
    """A span begins with a statement, and ends with its rows; a kill, or the next statement, ends it at the latest."""

    def __init__(self, session: Session, driver: Driver, tracing: Tracing, place: Place) -> None:
        super().__init__(session)
        self._driver = driver
        self._tracing = tracing
        self._place = place
        self._span: StatementSpan | None = None

    async def execute(self, statement: AnyStatement, mode: ExecuteMode) -> Cursor:
        self._leave("abandoned")
        span = self._tracing.statement(self._place, statement.fragments)
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
        span = self._tracing.statement(self._place, statements[0].fragments, len(statements))
        try:
            changed: Sequence[int] | int = await self._inner.execute_many(statements)
        except BaseException as error:
            if span is not None:
                _fail(self._driver, span, error)
            raise
        if span is not None:
            span.end()
        return changed

    async def kill(self) -> None:
        self._leave("killed")
        await self._inner.kill()

    def defer_reset(self, *, reads: bool) -> bool:
        self._leave("abandoned")
        return bool(self._inner.defer_reset(reads=reads))

    async def reset(self) -> None:
        self._leave("abandoned")
        await self._inner.reset()

    def _leave(self, kind: str) -> None:
        """A span that is still open belongs to a statement that nobody reads to its end."""
        span, self._span = self._span, None
        if span is not None:
            span.fail(kind)


def _fail(driver: Driver, span: StatementSpan, error: BaseException) -> None:
    if isinstance(error, RunFailedError):
        error = error.error
    told = driver.translate(error, has_parameters=True)
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
