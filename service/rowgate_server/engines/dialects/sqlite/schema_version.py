"""Whether the tables of a file have changed: a number in its header, that SQLite counts up with every DDL of anyone."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable

Opener = Callable[[], sqlite3.Connection]


class SchemaVersion:
    """Reads the number, on the caller's thread: it takes some microseconds, and never waits for a lock.

    Args:
        open_file: opens a connection that waits for nothing.
    """

    def __init__(self, open_file: Opener) -> None:
        self._open_file = open_file
        self._connection: sqlite3.Connection | None = None

    def read(self) -> int | None:
        """The number; None where it can't be told at this moment, as while somebody commits."""
        try:
            if self._connection is None:
                self._connection = self._open_file()
            (number,) = self._connection.execute("PRAGMA schema_version").fetchone()
        except sqlite3.OperationalError:
            return None
        except sqlite3.Error:
            self.close()
            return None
        return int(number)

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
