"""The wait for a lock of the file.

SQLite would wait by itself, but nothing ends that: its `interrupt` reaches a statement between two steps. So its
connections are told not to wait, and what finds a lock in its way is tried again, until it is told to end. A caller's
statement is not, as long as that lasts: to compile it and bind its values every few milliseconds takes all of a core.

What is tried again must have done nothing. A write's COMMIT, which without a write-ahead log waits for those who read,
is therefore a step of its own: SQLite keeps new readers out while it is tried again, and undoes nothing of the write.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from rowgate_server.engines.dialects.sqlite import errors

_T = TypeVar("_T")

_PAUSES, _PAUSE = (0.001, 0.002, 0.004), 0.008
"""Seconds. SQLite's own grow to 0.1, by which whoever waits for long comes behind all who have just come."""


class Patience:
    """That of one connection.

    Args:
        usual: seconds that a step may wait.

    Attributes:
        seconds: that a step may wait now.
    """

    def __init__(self, usual: float) -> None:
        self.seconds = self._usual = usual
        self._lost = Event()

    def lose(self) -> None:
        """End the wait, from any thread. The connection is not to be used again."""
        self._lost.set()

    def reset(self) -> None:
        """As it was."""
        self.seconds = self._usual

    def check(self) -> None:
        """Begin nothing more once it is lost.

        Raises:
            sqlite3.OperationalError: SQLITE_INTERRUPT, as if the statement had been interrupted.
        """
        if self._lost.is_set():
            error = sqlite3.OperationalError("interrupted")
            error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_INTERRUPT, "SQLITE_INTERRUPT"
            raise error

    def until_free(self, step: Callable[..., _T], *arguments: object, first: Callable[[], object] | None = None) -> _T:
        """Call it, on the connection's thread, until no lock of another connection's is in its way.

        Args:
            step: what takes the lock.
            arguments: its.
            first: done before each time that it is tried again; for a step that costs something, takes its lock.

        Raises:
            sqlite3.OperationalError: SQLITE_BUSY after the time, SQLITE_INTERRUPT once patience is lost.
        """
        self.check()
        again = False
        since, pauses = time.monotonic(), itertools.chain(_PAUSES, itertools.repeat(_PAUSE))
        while True:
            try:
                if first is not None and again:
                    first()
                return step(*arguments)
            except sqlite3.OperationalError as error:
                left = since + self.seconds - time.monotonic()
                if left <= 0 or not errors.is_locked(error):
                    raise
            again = True
            self._lost.wait(min(next(pauses), left))
            self.check()
