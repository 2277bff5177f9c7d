"""What may stand at a place, by the words before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum

from rowgate_server.core.completion.following import QUERIES, STATEMENTS, words_at
from rowgate_server.core.completion.groups import Group, begins_before, is_keyword, is_name, is_operator, word
from rowgate_server.core.completion.parts import TABLES
from rowgate_server.core.completion.records import Kind, Token
from rowgate_server.core.completion.scope import Level

_BEFORE_EXPRESSIONS = frozenset({
    *("SELECT", "DISTINCT", "ALL", "WHERE", "ON", "AND", "OR", "NOT", "HAVING", "BY", "CASE", "WHEN", "THEN", "ELSE"),
    *("IN", "LIKE", "ILIKE", "BETWEEN", "RETURNING", "VALUES", "INTERVAL", "EXISTS"),
})  # fmt: skip
_NAMING_TABLES = frozenset({"TRUNCATE", "ANALYZE", "VACUUM", "DESCRIBE", "DESC", "OPTIMIZE"})
_SETTING = frozenset({"UPDATE", "INSERT", "CONFLICT", "MERGE"})
_DROPPING = frozenset({"DROP", "ALTER", "TRUNCATE"})
_BEFORE_KEYS = frozenset({"KEY", "UNIQUE", "INDEX"})
_ALTERING = frozenset({"DROP", "RENAME", "ALTER", "MODIFY", "CHANGE", "AFTER"})
"""Behind these and the name of the table stands one of its columns, with or without the word COLUMN."""


class Wanted(Enum):
    """What may stand at a place."""

    NOTHING = 1
    TABLE = 2
    """Or a schema, or a function that gives rows."""
    EXPRESSION = 3
    KEYWORD = 4
    MEMBER = 5
    """Of what the qualifier names."""
    COLUMN = 6
    """Of the table that is inserted into, updated, altered."""
    COMMON = 7
    """A column that both sides of a join have."""
    ALTERED = 8
    """A column of the table that is altered, or a word that tells what else is."""
    RELATION = 9
    """A table, or a query in its place."""
    ROUTINE = 10
    """What CALL calls."""


def level_at(level: Level, start: int) -> Level:
    """The same parentheses, where a name begins."""
    before = sum(begins_before(member, start) for member in level.group.members[: level.before])
    return replace(level, before=before)


def wanted_at(level: Level, outer: Level | None) -> tuple[Wanted, Sequence[str]]:
    """What may stand there, and the likeliest words.

    Args:
        level: the parentheses that the place is in.
        outer: those around these.
    """
    if level.last is None and outer is None:
        return Wanted.KEYWORD, STATEMENTS
    if level.last is None and outer is not None and outer.word(2) in ("EXISTS", "AS", "MATERIALIZED"):
        return Wanted.KEYWORD, QUERIES
    if level.last is None or is_operator(level.last, ","):
        listed = _listed(outer) if outer is not None else None
        if listed is not None:
            return listed, ()
    if level.last is None:
        return Wanted.EXPRESSION, QUERIES
    return _behind(level), words_at(level)


def _behind(level: Level) -> Wanted:
    last = level.last
    if not isinstance(last, Token) or last.kind is Kind.LITERAL:
        return Wanted.KEYWORD
    if last.kind is Kind.OPERATOR:
        return _behind_operator(level, last.text)
    return _behind_word(level, word(last))


def _listed(outer: Level) -> Wanted | None:
    """What the parentheses list that the place is in: the columns of a table, tables; None where it is none of these.

    `outer` is what they stand in.
    """
    level = replace(outer, before=outer.before - 1)
    inner = outer.group.members[outer.before - 1]
    told, part = level.word(), outer.part
    if isinstance(inner, Group) and "joined" in inner.made:
        return Wanted.RELATION
    if told == "USING" and level.clause == "FROM":
        return Wanted.COMMON
    after_target = (part.verb == "INSERT" and level.clause == "INTO") or (
        part.verb == "CREATE" and level.clause == "ON"
    )
    conflicting = part.verb == "CONFLICT" and told == "CONFLICT"
    inserting = part.verb == "MERGE" and told == "INSERT"
    adding = part.verb == "ALTER" and bool({told, level.word(2)} & _BEFORE_KEYS)
    if (after_target and is_name(level.last)) or conflicting or inserting or adding:
        return Wanted.COLUMN
    return Wanted.KEYWORD if part.verb == "CREATE" and level.word(2) in ("TABLE", "EXISTS") else None


def _behind_operator(level: Level, text: str) -> Wanted:
    if text in (";", ")"):
        return Wanted.KEYWORD
    if text == "*" and (level.word(2) in ("SELECT", "DISTINCT", "ALL") or _is_punctuation(level)):
        return Wanted.KEYWORD
    return _behind_comma(level) if text == "," else Wanted.EXPRESSION


def _behind_comma(level: Level) -> Wanted:
    if level.clause in TABLES or (level.part.verb == "DROP" and level.clause == "DROP"):
        return Wanted.KEYWORD if level.part.verb == "ALTER" else Wanted.TABLE
    # The second one is ON DUPLICATE KEY UPDATE.
    setting = (level.clause == "SET" and level.part.verb in _SETTING) or level.clause == "CONFLICT"
    return Wanted.COLUMN if setting else Wanted.EXPRESSION


def _is_punctuation(level: Level) -> bool:
    before = level.group.members[level.before - 2] if level.before > 1 else None
    return is_operator(before, ",") or is_operator(before, ".")


def _behind_word(level: Level, told: str) -> Wanted:
    part, at = level.part, level.before - 1
    if part.begins_clause(at) and told in TABLES:
        return Wanted.RELATION if told == "FROM" else Wanted.TABLE
    if level.before == 1 and told in _NAMING_TABLES:
        return Wanted.TABLE
    if (
        told in _ALTERING | {"COLUMN", "EXISTS"}
        and part.verb == "ALTER"
        and at > part.start
        and level.clause == "TABLE"
    ):
        return _altered(level, told)
    if told == "CALL" and at == part.start:
        return Wanted.ROUTINE
    found = _FIXED.get(told)
    if found is not None and (is_keyword(level.last) or told == "REFERENCES"):
        return found(level)
    return Wanted.EXPRESSION if is_keyword(level.last) and told in _BEFORE_EXPRESSIONS else Wanted.KEYWORD


def _altered(level: Level, told: str) -> Wanted:
    """Behind `alter table orders drop`, and so on."""
    if told == "EXISTS":
        return Wanted.COLUMN if level.word(3) == "COLUMN" else Wanted.TABLE
    if told == "COLUMN":
        return Wanted.COLUMN if level.word(2) in _ALTERING else Wanted.KEYWORD
    return Wanted.ALTERED


def _behind_update(level: Level) -> Wanted:
    return Wanted.COLUMN if level.part.verb == "CONFLICT" and level.word(2) == "KEY" else Wanted.KEYWORD


def _behind_from(level: Level) -> Wanted:
    return Wanted.RELATION if level.part.verb == "" and not level.group.function else Wanted.EXPRESSION


def _behind_on(level: Level) -> Wanted:
    if level.part.verb in ("GRANT", "REVOKE"):
        return Wanted.TABLE
    return Wanted.KEYWORD if level.part.verb in ("INSERT", "VALUES", "COMMENT", "CONFLICT") else Wanted.EXPRESSION


def _behind_exists(level: Level) -> Wanted:
    if level.part.verb in _DROPPING:
        return Wanted.TABLE
    return Wanted.KEYWORD if level.part.verb == "CREATE" else Wanted.EXPRESSION


def _behind_join(level: Level) -> Wanted:
    return Wanted.RELATION if level.clause == "FROM" else Wanted.TABLE if level.clause in TABLES else Wanted.EXPRESSION


_FIXED: dict[str, Callable[[Level], Wanted]] = {
    "JOIN": _behind_join,
    "STRAIGHT_JOIN": _behind_join,
    "LATERAL": lambda level: Wanted.RELATION if level.clause in TABLES else Wanted.KEYWORD,
    "ONLY": lambda level: Wanted.TABLE if level.clause in TABLES else Wanted.KEYWORD,
    "UPDATE": _behind_update,
    "FROM": _behind_from,
    "INTO": lambda _: Wanted.TABLE,
    "TABLE": lambda level: Wanted.KEYWORD if level.part.verb == "CREATE" else Wanted.TABLE,
    "VIEW": lambda level: Wanted.TABLE if level.part.verb in _DROPPING else Wanted.KEYWORD,
    "USING": lambda _: Wanted.KEYWORD,
    "ON": _behind_on,
    "SET": lambda level: Wanted.COLUMN if level.part.verb in _SETTING else Wanted.KEYWORD,
    "EXISTS": _behind_exists,
    "REFERENCES": lambda _: Wanted.TABLE,
}
