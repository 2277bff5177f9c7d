"""What SQLite counts on a connection, and would tell whoever has it next.

`last_insert_rowid()` and `changes()` are of the last write, whoever made it, and nothing sets them but another write.
`total_changes()` can't be set at all: the gateway's own function of that name stands before it.
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
        self._before = connection.total_changes
        connection.create_function("total_changes", 0, self._changes)

    def reset(self) -> None:
        """Forget what was counted, outside of a transaction; it costs nothing where nothing was written."""
        if self._connection.total_changes == self._before:
            return
        for command in _FORGET:
            self._connection.execute(command)
        self._before = self._connection.total_changes

    def _changes(self) -> int:
        return self._connection.total_changes - self._before
