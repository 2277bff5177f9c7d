"""What SQLite counts on a connection, and would tell whoever has it next.

`last_insert_rowid()` and `changes()` are of the last write, whoever made it, and nothing sets them but another write.
`total_changes()` can't be set at all: the gateway's own function of that name stands before it. A statement that failed
has set the first, and counts as none for the other two. The pages of temporary tables are kept once these are dropped.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache

_FORGET = (
    "CREATE TEMP TABLE rowgate_forgets (i INTEGER PRIMARY KEY)",
    "INSERT INTO temp.rowgate_forgets VALUES (0)",
    "DELETE FROM temp.rowgate_forgets WHERE i = 1",
    "DROP TABLE temp.rowgate_forgets",
)
"""The last rowid is 0 then, and so is the number of rows that the last write has changed.

Each by itself: to roll a CREATE back makes SQLite read the whole schema anew.
"""


class Counters:
    """Those of one connection, since its session was taken."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._before = connection.total_changes
        connection.create_function("total_changes", 0, self._changes)

    def reset(self) -> bool:
        """Forget what was counted, outside of a transaction; it costs little where nothing was written.

        Returns:
            Whether all is forgotten; it is not where there are temporary tables, or were.
        """
        if self._connection.total_changes != self._before or last_rowid(self._connection):
            _forget(self._connection)
            self._before = self._connection.total_changes
        left = self._connection.execute("SELECT 1 FROM temp.sqlite_master LIMIT 1").fetchone()
        return left is None and _temporary_pages(self._connection) <= _own_pages()

    def _changes(self) -> int:
        return self._connection.total_changes - self._before


def last_rowid(connection: sqlite3.Connection) -> int:
    """The last one that was inserted on the connection, or would have been; 0: none."""
    return int(connection.execute("SELECT last_insert_rowid()").fetchone()[0])


def _forget(connection: sqlite3.Connection) -> None:
    for command in _FORGET:
        connection.execute(command)


def _temporary_pages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA temp.page_count").fetchone()[0])


@cache
def _own_pages() -> int:
    """How many it takes to forget, as this SQLite was built."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        _forget(connection)
        return _temporary_pages(connection)
