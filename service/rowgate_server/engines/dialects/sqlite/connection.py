"""aiosqlite's connection, whose end can be waited for, or given up."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import aiosqlite

from rowgate_server.engines.dialects.sqlite.counters import Counters
from rowgate_server.engines.dialects.sqlite.patience import Patience

_T = TypeVar("_T")

_ROWS_AT_ONCE = 64
"""aiosqlite's own number, for iterators that nobody here uses."""


class Connection(aiosqlite.Connection):
    """A connection with a thread of its own, which may be in the middle of a step that nothing interrupts.

    aiosqlite waits for it twice, the second time in a `finally`: a task that closes such a connection can't be
    cancelled, and keeps the event loop from ending.

    Args:
        connector: opens the file, and has SQLite wait for no lock; called on the thread.
        lock: seconds that a step waits for one.
    """

    def __init__(self, connector: Callable[[], sqlite3.Connection], lock: float) -> None:
        super().__init__(connector, _ROWS_AT_ONCE)
        self.patience = Patience(lock)
        # The interpreter does not wait for it at its end.
        self._thread.daemon = True
        self.closing: asyncio.Future[Any] | None = None
        """Done once it is closed and its thread has ended; None while nobody has closed it."""
        self.counters: Counters | None = None
        """Set where callers' SQL is to run on it."""

    async def on_thread(self, function: Callable[[sqlite3.Connection], _T]) -> _T:
        """Call it on the thread with sqlite3's own connection; it sees to locks itself."""
        aiosqlites: Any = super()  # whose own it is, without types
        result: _T = await aiosqlites._execute(function, self._conn)
        return result

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What SQLAlchemy asks for, which reads only, and may be tried again.

        Where that is given up, SQLAlchemy waits for its cursor to be closed, which comes behind what the thread is at:
        that is ended first. Nothing else is to be done on the connection then.
        """
        aiosqlites: Any = super()
        try:
            return await aiosqlites._execute(self._step, partial(fn, *args, **kwargs))
        except asyncio.CancelledError:
            self.give_up()
            raise

    def give_up(self) -> None:
        """End what its thread is at, from any other. What is closed already is left as it is."""
        self.patience.lose()
        opened: sqlite3.Connection | None = self._connection
        if opened is not None:
            with suppress(sqlite3.ProgrammingError):  # its thread closes it just now
                opened.interrupt()

    def _step(self, step: partial[Any]) -> Any:
        cursor = getattr(step.func, "__self__", None)
        if not isinstance(cursor, sqlite3.Cursor):
            return self.patience.until_free(step)
        if step.func == cursor.close:
            return step()  # whatever patience is left
        try:
            return self.patience.until_free(step)
        except Exception:
            cursor.close()  # on its thread, as the session's own
            raise

    async def create_function(self, *_: Any, **__: Any) -> None:
        """Not those of SQLAlchemy's, which are for SQL of its own users' making; the gateway's are made on the thread.

        Its `regexp` is Python's: a pattern of some ten characters holds the interpreter for hours, and with that all
        that the gateway serves. Its `floor` stands before SQLite's own, and fails for NULL.
        """

    async def close(self) -> None:
        """Have the thread close it behind what it does, and wait for that; who is cancelled waits no longer."""
        if self.closing is None:
            self.closing = self.stop()
        if self.closing is not None:
            await asyncio.shield(self.closing)
