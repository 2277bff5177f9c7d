"""Which statements a database undoes whole when they fail by themselves.

Only what is known to be so is in these lists. What they leave out may be destroyed, or done in part, by the time it
fails: a CREATE OR REPLACE has dropped the old table, an index that is built CONCURRENTLY stays, a DROP of several
drops them one by one.
"""

from __future__ import annotations

from rowgate_server.core.sqltext import ParsedStatement
from rowgate_server.core.sqltext.words import tokens
from rowgate_server.engines.dialects import Dialect

_OF_ONE = frozenset({
    *("TABLE", "INDEX", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "SEQUENCE"),
    *("DEFINER", "ALGORITHM", "SQL", "UNIQUE", "FULLTEXT", "SPATIAL", "AGGREGATE", "TEMPORARY"),
})  # fmt: skip
"""What MySQL and MariaDB make and alter one at a time, and what may stand in front of that."""
_MYSQL = {
    "CREATE": _OF_ONE | {"DATABASE", "SCHEMA"},
    "ALTER": _OF_ONE | {"ONLINE", "IGNORE"},
    "DROP": _OF_ONE,
    "RENAME": frozenset({"TABLE", "TABLES"}),
}
_PARTS_OF_TABLES = frozenset({"PARTITION", "TABLESPACE"})
"""ALTER TABLE does some things to partitions one by one, and to files."""
_SESSION = frozenset({"SET", "DO", "USE", "KILL", "HELP", "HANDLER", "CHECKSUM", "SIGNAL", "RESIGNAL", "GET"})
"""What changes nothing that lasts, as long as it calls no function: that may write, and no rollback is needed then."""
_OF_THE_SERVER = frozenset({"GLOBAL", "PERSIST", "PERSIST_ONLY"})

_POSTGRESQL = frozenset({
    *("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE", "TRUNCATE", "COPY", "EXPLAIN"),
    *("CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "REVOKE", "REASSIGN", "SECURITY", "IMPORT", "REFRESH"),
    *("SET", "RESET", "SHOW", "DISCARD", "LISTEN", "UNLISTEN", "NOTIFY", "DECLARE", "FETCH", "MOVE", "CLOSE"),
})  # fmt: skip
_BESIDE_TRANSACTIONS = frozenset({"DATABASE", "TABLESPACE", "SUBSCRIPTION", "SYSTEM"})
"""What PostgreSQL makes, alters and drops of files and on other servers as well."""
_DEFINING = frozenset({"CREATE", "ALTER", "DROP"})


def is_undone_whole(statement: ParsedStatement) -> bool:
    """Whether a statement that has failed by itself left nothing behind, whatever it was that went wrong.

    Args:
        statement: one of PostgreSQL's, or of MySQL's and MariaDB's that neither reads nor changes rows.
    """
    words = list(tokens(statement))
    if statement.dialect is Dialect.POSTGRESQL:
        return _by_postgresql(words)
    return _by_mysql(words)


def _by_postgresql(words: list[str]) -> bool:
    first, second = _first(words)
    if first in _DEFINING:
        return second not in _BESIDE_TRANSACTIONS and "CONCURRENTLY" not in words
    return first in _POSTGRESQL


def _by_mysql(words: list[str]) -> bool:
    first, second = _first(words)
    if first in _SESSION:
        return "(" not in words and not ("," in words and not _OF_THE_SERVER.isdisjoint(words))
    if first == "TRUNCATE":
        return True
    if second not in _MYSQL.get(first, ()):
        return words[:4] == ["CREATE", "OR", "REPLACE", "VIEW"]
    if first == "CREATE":  # a table that is filled, as well, may be filled by a function that writes elsewhere
        return "TABLE" not in words[1:3] or "SELECT" not in words
    if first == "ALTER":
        return _PARTS_OF_TABLES.isdisjoint(words)
    return "," not in words


def _first(words: list[str]) -> tuple[str, str]:
    """The first two words; a query may begin with parentheses."""
    first, second = (*[word for word in words if word != "("][:2], "", "")[:2]
    return first, second
