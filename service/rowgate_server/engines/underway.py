"""A statement under way, from the wait for its connection to its last row: told of, and stopped on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import TypeVar

from rowgate_server.engines.running import Call, StoppedError, Work
from rowgate_server.engines.watch import Watched
from rowgate_server.errors import Outcome, RowgateError
from rowgate_server.observability.callers import current_caller

_T = TypeVar("_T")


class Phase(Enum):
    """What a statement is at: waiting for a connection, in the database, sending rows to its caller.

    And, between statements, a transaction that waits for its caller.
    """

    WAITING = 1
    RUNNING = 2
    STREAMING = 3
    IDLE = 4


class UnderWay:
    """One statement under way.

    Args:
        call: what runs.
        started: when it began to.
        streaming: its rows go to the caller as they come.
    """

    __slots__ = ("_let_go", "_stopped", "_task", "_timed", "call", "caller", "started", "streaming", "work")

    def __init__(self, call: Call, started: float, *, streaming: bool = False) -> None:
        self.call = call
        self.started = started
        self.streaming = streaming
        self.caller = current_caller.get()
        self.work: Work | None = None
        self._task: asyncio.Task[object] | None = None
        self._timed: Watched | None = None
        self._let_go: Callable[[], None] | None = None
        self._stopped: StoppedError | None = None

    @property
    def phase(self) -> Phase:
        """What it is at."""
        if self.work is None:
            return Phase.WAITING
        return Phase.STREAMING if self.streaming and self.work.meter is not None else Phase.RUNNING

    @property
    def rows(self) -> int:
        """The rows that have come so far."""
        return 0 if self.work is None or self.work.meter is None else self.work.meter.rows

    async def waiting(self, checkout: Awaitable[_T]) -> _T:
        """Wait for a connection; `stop` ends the wait."""
        self._task = task = asyncio.current_task()
        cancelling = 0 if task is None else task.cancelling()
        try:
            return await checkout
        except asyncio.CancelledError:
            if task is not None and self._stopped is not None and task.uncancel() <= cancelling:
                raise self._stopped.told(Outcome.NOT_RUN) from None
            raise
        finally:
            self._task = None

    def begin(self, work: Work, timed: Watched, let_go: Callable[[], None]) -> Watched:
        """It has its connection.

        Args:
            work: the statement on it.
            timed: what its time in the database is measured by; it is returned.
            let_go: gives up the connection while nobody waits for the database: its reader is slower.
        """
        self.work = work
        self._timed = timed
        self._let_go = let_go
        return timed

    def stop(self, error: RowgateError) -> None:
        """End it with this error, in the database too. It is raised where the statement's next rows are asked for."""
        if self._stopped is not None:
            return
        self._stopped = StoppedError(error)
        if self._timed is not None and self._let_go is not None:
            if not self._timed.stop(self._stopped):
                self._let_go()
        elif self._task is not None:
            self._task.cancel()
