"""A row that transactions lock, in each of three databases, looked at from outside the gateway."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from support.mariadb import MariaDB
from support.postgresql import PostgreSQL

UPDATE = "update tx_ends set n = n + 1 where id = 1"


class Databases:
    """The three databases, asked from outside the gateway."""

    def __init__(self, mariadb: MariaDB, postgresql: PostgreSQL, file: Path) -> None:
        self._mariadb, self._postgresql, self._file = mariadb, postgresql, file

    def execute(self, engine: str, sql: str) -> Any:
        if engine == "sqlite":
            with contextlib.closing(sqlite3.connect(self._file, timeout=0, isolation_level=None)) as connection:
                return connection.execute(sql).fetchall()
        return (self._mariadb if engine == "mariadb" else self._postgresql).execute(sql)

    def is_free(self, engine: str) -> bool:
        """Whether another can lock the row at once."""
        try:
            if engine == "sqlite":
                self.execute(engine, UPDATE.replace("n + 1", "n"))
            else:
                self.execute(engine, "select n from tx_ends where id = 1 for update nowait")
        except Exception as error:  # each driver has its own
            if "lock" not in str(error).lower():
                raise
            return False
        return True

    def number(self, engine: str) -> int:
        return int(self.execute(engine, "select n from tx_ends where id = 1")[0][0])
