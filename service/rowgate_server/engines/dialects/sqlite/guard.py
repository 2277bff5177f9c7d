"""What SQL on SQLite may not do: reach other files, or change settings that outlive the statement.

ATTACH, VACUUM INTO, `PRAGMA writable_schema` and load_extension get out of the database even in `mode=ro`.
The authorizer is asked while a statement is prepared: https://www.sqlite.org/c3ref/set_authorizer.html
"""

from __future__ import annotations

import sqlite3

# Pragmas that only tell: the schema, and checks of it. `database_list` tells file paths, so it is not here.
_TELLING_PRAGMAS = frozenset(
    {
        "collation_list",
        "compile_options",
        "foreign_key_check",
        "foreign_key_list",
        "function_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "pragma_list",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)

# Without an argument these tell a setting; with one they change it. Full-text tables ask for `data_version` themselves.
_TELLING_WITHOUT_ARGUMENT = frozenset(
    {
        "application_id",
        "data_version",
        "encoding",
        "foreign_keys",
        "freelist_count",
        "page_count",
        "page_size",
        "user_version",
    }
)

_DENIED_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})


_CHANGES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})


class Guard:
    """The authorizer of one connection. It denies only while a caller's statement is prepared or stepped: `with guard`.

    Stepping counts too: a table-valued pragma is authorised when its first row is asked for.
    A statement that was prepared while it was open must not be found in a cache by a caller: connections have none.
    """

    def __init__(self) -> None:
        self._closed = False
        self.changes = False
        """Whether what was prepared within it changes rows."""

    def __enter__(self) -> None:
        self._closed = True
        self.changes = False

    def __exit__(self, *_: object) -> None:
        self._closed = False

    def __call__(
        self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
    ) -> int:
        """Allow or deny one action, as sqlite3 asks it."""
        del database, trigger
        if not self._closed:
            return sqlite3.SQLITE_OK
        self.changes = self.changes or action in _CHANGES
        if action == sqlite3.SQLITE_PRAGMA:
            return _pragma(first, second)
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_DENY if (second or "").lower() in _DENIED_FUNCTIONS else sqlite3.SQLITE_OK
        if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK


def _pragma(name: str | None, argument: str | None) -> int:
    name = (name or "").lower()
    if name in _TELLING_PRAGMAS or (name in _TELLING_WITHOUT_ARGUMENT and argument is None):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
