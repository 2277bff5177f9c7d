"""Which rowid an INSERT has given, if any.

`last_insert_rowid()` is of the transaction's last INSERT into a table that has rowids. Where it is what it was before,
this one may have given the same, in another table; or none, as into a table WITHOUT ROWID, or where an upsert updates.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from rowgate_server.engines.dialects.sqlite import describing
from rowgate_server.engines.dialects.sqlite.counters import last_rowid


class Rowids:
    """Looks before an INSERT and after it, on the connection's thread.

    Args:
        connection: where it is going to run.
        fragments: its text; a placeholder stands between two of them.
    """

    def __init__(self, connection: sqlite3.Connection, fragments: Sequence[str]) -> None:
        self._connection = connection
        self._fragments = fragments
        # Outside of a transaction there is none before.
        self._before = last_rowid(connection) if connection.in_transaction else 0

    def inserted(self) -> int | None:
        """The last one that it has given, once it has changed rows; None where there is none, or that is not known."""
        last = last_rowid(self._connection)
        if last == self._before and not (last and describing.only_inserts(self._connection, self._fragments)):
            return None
        return last
