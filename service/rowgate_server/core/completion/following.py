"""Which words of SQL most likely come next, by the word before and the clause."""

from __future__ import annotations

from rowgate_server.core.completion.groups import is_keyword, is_operator
from rowgate_server.core.completion.scope import Level


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split(",")) if words else ()


STATEMENTS = _listed("SELECT,INSERT INTO,UPDATE,DELETE FROM,WITH,CREATE TABLE,ALTER TABLE,DROP TABLE,EXPLAIN")
QUERIES = ("SELECT", "WITH", "VALUES")
CLAUSES = _listed(
    "FROM,WHERE,JOIN,LEFT JOIN,INNER JOIN,ON,AS,AND,OR,GROUP BY,ORDER BY,HAVING,LIMIT,OFFSET,UNION,UNION ALL,SET,"
    "VALUES,IN,IS NULL,IS NOT NULL,LIKE,BETWEEN,NOT,ASC,DESC,USING,RETURNING,CASE,WHEN,THEN,ELSE,END,EXISTS,DISTINCT,"
    "NULL,INTERSECT,EXCEPT,CROSS JOIN,NATURAL JOIN,RIGHT JOIN,FULL JOIN,WINDOW,PARTITION BY,OVER,DEFAULT"
)
"""All those that are offered wherever words stand."""

_JOIN = "JOIN,OUTER JOIN"
_OBJECTS = "TABLE,VIEW,INDEX"
_AFTER_WORDS = {
    "LEFT": _JOIN,
    "RIGHT": _JOIN,
    "FULL": _JOIN,
    "INNER": "JOIN",
    "CROSS": "JOIN",
    "NATURAL": "JOIN,LEFT JOIN",
    "GROUP": "BY",
    "ORDER": "BY",
    "PARTITION": "BY",
    "INSERT": "INTO",
    "REPLACE": "INTO",
    "MERGE": "INTO",
    "DELETE": "FROM",
    "CREATE": f"{_OBJECTS},UNIQUE INDEX",
    "DROP": _OBJECTS,
    "ALTER": _OBJECTS,
    "TABLE": "IF NOT EXISTS",
    "IF": "EXISTS,NOT EXISTS",
    "EXPLAIN": "SELECT,ANALYZE,INSERT INTO,UPDATE,DELETE FROM",
    "WITH": "RECURSIVE",
    "IS": "NULL,NOT NULL,TRUE,FALSE,DISTINCT FROM",
    "NOT": "NULL,IN,LIKE,BETWEEN,EXISTS",
    "NULLS": "FIRST,LAST",
    "UNION": "SELECT,ALL",
    "INTERSECT": "SELECT",
    "EXCEPT": "SELECT",
    "ALL": "SELECT",
    "CASE": "WHEN",
    "FOR": "UPDATE,SHARE",
    "DO": "NOTHING,UPDATE SET",
    "CONFLICT": "DO NOTHING,DO UPDATE SET",
    "DUPLICATE": "KEY UPDATE",
    "ON": "CONFLICT,DUPLICATE KEY UPDATE",
    "SHOW": "TABLES,COLUMNS FROM,CREATE TABLE",
}
_FOLLOWED_NAMES = _AFTER_WORDS.keys()
_ENDS = "GROUP BY,ORDER BY,LIMIT,UNION,UNION ALL"
_CONDITIONS = "AND,OR,IS NULL,IS NOT NULL,IN,LIKE,BETWEEN,NOT"
_IN_CLAUSES = {
    "SELECT": "FROM,AS,UNION,UNION ALL",
    "FROM": f"WHERE,JOIN,LEFT JOIN,INNER JOIN,ON,USING,AS,{_CONDITIONS},{_ENDS},RETURNING",
    "WHERE": f"{_CONDITIONS},{_ENDS},RETURNING",
    "GROUP": f"HAVING,{_ENDS}",
    "HAVING": f"{_CONDITIONS},{_ENDS}",
    "ORDER": "ASC,DESC,NULLS FIRST,NULLS LAST,LIMIT,OFFSET",
    "LIMIT": "OFFSET",
    "UPDATE": "SET,AS",
    "SET": "WHERE,FROM,RETURNING",
    "INTO": "VALUES,SELECT,DEFAULT VALUES,AS,USING",
    "VALUES": "ON CONFLICT,ON DUPLICATE KEY UPDATE,RETURNING",
    "CONFLICT": "DO NOTHING,DO UPDATE SET,WHERE,RETURNING",
    "ALTER": "ADD COLUMN,DROP COLUMN,RENAME COLUMN,RENAME TO,ALTER COLUMN,ADD CONSTRAINT",
    "": ",".join(STATEMENTS),
}


_TYPES = "INTEGER,BIGINT,NUMERIC,DECIMAL,CHAR,VARCHAR,TEXT,DATE,TIME,TIMESTAMP,BOOLEAN,JSON"
_ENDING = frozenset({"NULL", "END", "ASC", "DESC", "DEFAULT"})
"""Words that something ends with, so that a clause may go on behind them."""


def words_at(level: Level) -> tuple[str, ...]:
    """The likeliest words at a place, of which there may be none."""
    told, part = level.word(), level.part
    if told == "AS" and level.group.function == "CAST":
        return _listed(_TYPES)
    # Elsewhere these two are followed by names.
    named = (told == "TABLE" and part.verb != "CREATE") or (told == "ON" and part.verb not in ("INSERT", "VALUES"))
    if is_keyword(level.last) or told in _FOLLOWED_NAMES:
        if told not in _ENDING:
            return () if named else _listed(_AFTER_WORDS.get(told, ""))
    elif level.last is None or is_operator(level.last, ","):
        return ()
    clause = "ALTER" if part.verb == "ALTER" and level.clause == "TABLE" else level.clause
    return _listed(_IN_CLAUSES.get(clause, ""))
