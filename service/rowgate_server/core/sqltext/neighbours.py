"""Where no value can stand in MySQL's and MariaDB's SQL, although a literal can.

Values are literals there: behind an operand without an operator, one becomes the operand's name (`select 1 'a'`) or a
part of the string before it (`'x' 'a'`). The other databases refuse a placeholder there by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .lexer import BEYOND_ASCII, SPACE, matcher
from .mysql import RULES
from .scan import Mark

_SPACE = " \t\n\r\f\v"
_COMMENTS = ("/*", "#", "--")
_ENDS_OF_OPERANDS = "'\"`)"
_QUOTES = ("'", '"')
_TOUCHING = re.compile(f"[{RULES.touching}]|{BEYOND_ASCII}")  # refused by `bind`, which says how to mend it
_token = matcher(
    rf"(?P<gap>{'|'.join((SPACE, *RULES.comments))})|{'|'.join((*RULES.strings, *RULES.names, RULES.word))}|."
)
# Behind any other word, a name perhaps, a literal is a name or the end of a literal.
_BEFORE_VALUES = frozenset({
    *("SELECT", "ALL", "DISTINCT", "DISTINCTROW", "HIGH_PRIORITY", "STRAIGHT_JOIN", "SQL_CACHE", "SQL_NO_CACHE"),
    *("SQL_CALC_FOUND_ROWS", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT", "SQL_SMALL_RESULT", "FROM", "WHERE", "HAVING"),
    *("ON", "AND", "OR", "XOR", "NOT", "DIV", "MOD", "IN", "LIKE", "RLIKE", "REGEXP", "BETWEEN", "ESCAPE", "BINARY"),
    *("INTERVAL", "CASE", "WHEN", "THEN", "ELSE", "BY", "LIMIT", "OFFSET", "EXAMINED", "FETCH", "FIRST", "NEXT"),
    *("ROWS", "RANGE", "DEFAULT", "RETURN", "RETURNING", "DO", "IF", "ELSEIF", "WHILE", "UNTIL", "FOR", "TO", "WITH"),
    *("THAN", "OF", "BOTH", "LEADING", "TRAILING", "SEPARATOR", "USING", "PATH", "DATE", "TIME", "TIMESTAMP", "WAIT"),
    *("SET", "NAMES", "CHARSET", "COMMENT", "PASSWORD", "USER", "ROLE", "EXISTS", "IMMEDIATE", "SQLSTATE", "HELP"),
    *("KILL", "QUERY", "CONNECTION", "HARD", "SOFT", "ID", "INFILE", "OUTFILE", "DUMPFILE", "IGNORE", "BINLOG"),
    *("AT", "EVERY", "STARTS", "ENDS", "START", "RESTART", "INCREMENT", "MINVALUE", "MAXVALUE", "CACHE"),
})  # fmt: skip


def beside_operand(sql: str, marks: Sequence[Mark]) -> int:
    """The first placeholder that stands beside an operand without an operator between; -1 for none.

    One that touches what stands beside it is not looked at: it is refused anyway.
    """
    last = 0
    for mark in marks:
        if _behind_operand(sql, last, mark.start) or _before_string(sql, mark.stop):
            return mark.start
        last = mark.stop
    return -1


def _behind_operand(sql: str, last: int, start: int) -> bool:
    """Whether what stands between the last placeholder and this one ends with an operand."""
    before = sql[last:start]
    if _TOUCHING.match(before[-1:]):
        return False
    if any(opening in before for opening in _COMMENTS):
        before = _without_comments(sql, last, start)
    before = before.rstrip(_SPACE)
    if not before:
        return last > 0  # behind another placeholder
    if not _in_a_name(before[-1]):
        return before[-1] in _ENDS_OF_OPERANDS
    begin = len(before)
    while begin and _in_a_name(before[begin - 1]):
        begin -= 1
    return before[begin:].upper() not in _BEFORE_VALUES or before[begin - 1 : begin] in (".", "@")


def _in_a_name(character: str) -> bool:
    return character.isalnum() or character in "_$" or not character.isascii()


def _before_string(sql: str, at: int) -> bool:
    begun = at
    while at < len(sql) and sql[at] in _SPACE:
        at += 1
    return at > begun and sql.startswith(_QUOTES, at)


def _without_comments(sql: str, at: int, stop: int) -> str:
    pieces: list[str] = []
    while at < stop:
        found = _token(sql, at)
        pieces.append(" " if found.lastgroup == "gap" else found[0])
        at = found.end()
    return "".join(pieces)
