"""What SQLite counts on a connection, and would tell whoever has it next.

`last_insert_rowid()` and `changes()` are of the last write, whoever made it, and nothing sets them but another write.
`total_changes()` can't be set at all: the gateway's own function of that name stands before it. A statement that failed
has set the first, and counts as none for the other two. The pages of temporary tables are kept once these are dropped.
"""

from __future__ import annotations

import sqlite3

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
        self._forget()  # or the pages that it takes would tell whether anybody has written
        self._pages = self._temporary_pages()
        connection.create_function("total_changes", 0, self._changes)

    @property
    def rowid(self) -> int:
        """The last one that was inserted on the connection, or would have been; 0: none."""
        return int(self._connection.execute("SELECT last_insert_rowid()").fetchone()[0])

    def reset(self) -> bool:
        """Forget what was counted, outside of a transaction; it costs little where nothing was written.

        Returns:
            Whether all is forgotten; it is not where there are temporary tables, or were.
        """
        if self._connection.total_changes != self._before or self.rowid:
            self._forget()
        # Temporary views and triggers may be small enough for the first page.
        left = self._connection.execute("SELECT 1 FROM temp.sqlite_master LIMIT 1").fetchone()
        return left is None and self._temporary_pages() == self._pages

    def _forget(self) -> None:
        for command in _FORGET:
            self._connection.execute(command)
        self._before = self._connection.total_changes

    def _temporary_pages(self) -> int:
        return int(self._connection.execute("PRAGMA temp.page_count").fetchone()[0])

    def _changes(self) -> int:
        return self._connection.total_changes - self._before
