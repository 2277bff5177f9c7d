"""Where the cursor is: the name that is being typed, its qualifier, and what may stand there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from rowgate_server.core.completion.records import Kind, Token
from rowgate_server.core.completion.scope import Group, Scope, grouped, scope_at
from rowgate_server.core.completion.tokens import CLOSING, tokenise
from rowgate_server.engines.dialects import Dialect

_BEFORE_TABLES = frozenset({"FROM", "JOIN", "UPDATE", "INTO", "TABLE", "STRAIGHT_JOIN", "DESCRIBE", "DESC", "ONLY"})
_BEFORE_EXPRESSIONS = frozenset(
    {
        *(
            "SELECT",
            "DISTINCT",
            "ALL",
            "WHERE",
            "ON",
            "AND",
            "OR",
            "NOT",
            "HAVING",
            "BY",
            "SET",
            "CASE",
            "WHEN",
            "THEN",
        ),
        *("ELSE", "IN", "LIKE", "ILIKE", "BETWEEN", "IS", "RETURNING", "VALUES", "USING", "INTERVAL", "EXISTS"),
    }
)


class Wanted(Enum):
    """What may stand at a place."""

    NOTHING = 1
    TABLE = 2
    EXPRESSION = 3
    KEYWORD = 4
    MEMBER = 5
    """Of what the qualifier names."""
    COLUMN = 6
    """Of the table that an INSERT names."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: the characters to replace, what of them is typed, and what is wanted."""

    start: int
    end: int
    prefix: str
    wanted: Wanted
    qualifier: tuple[str, ...] = ()
    scope: Scope = field(default_factory=Scope)


def place_at(sql: str, cursor: int, dialect: Dialect) -> Place:
    """Look at the text around the cursor."""
    tokens = tokenise(sql, dialect)
    current = next((token for token in tokens if token.start < cursor <= token.end), None)
    if current is not None and _is_text(current, cursor):
        return Place(cursor, cursor, "", Wanted.NOTHING)
    if current is not None and current.quoted and not current.closed:
        # Its quote is still to come, here: what follows is not part of it.
        closing = CLOSING[sql[current.start]]
        found = place_at(sql[:cursor] + closing + sql[cursor:], cursor, dialect)
        return replace(found, end=cursor)
    first = max((t.end for t in tokens if _ends(t) and t.end <= cursor), default=0)
    last = min((t.start for t in tokens if _ends(t) and t.start >= cursor), default=len(sql))
    statement = [
        token
        for token in tokens
        if first <= token.start and token.end <= last and token.kind not in (Kind.SPACE, Kind.COMMENT)
    ]
    start, end, prefix = cursor, cursor, ""
    if current is not None and current.kind in (Kind.NAME, Kind.KEYWORD):
        start, end = current.start, max(current.end, cursor)
        prefix = sql[start:cursor].lstrip('"`[') if current.quoted else sql[start:cursor]
    before = [token for token in statement if token.end <= start]
    qualifier = _qualifier(before)
    scope, group = scope_at(grouped(statement, last), cursor)
    wanted = Wanted.MEMBER if qualifier else _wanted(before, group)
    return Place(start, end, prefix, wanted, qualifier, scope)


def _ends(token: Token) -> bool:
    return token.kind is Kind.OPERATOR and token.text == ";"


def _is_text(token: Token, cursor: int) -> bool:
    """Whether the cursor is within a literal or comment: what is typed there becomes part of it."""
    return token.kind in (Kind.COMMENT, Kind.LITERAL) and (cursor < token.end or not token.closed)


def _qualifier(before: list[Token]) -> tuple[str, ...]:
    """The names before the point: `shop.orders.` has two."""
    names: list[str] = []
    at = len(before)
    while at > 1 and before[at - 1].text == "." and before[at - 2].kind in (Kind.NAME, Kind.KEYWORD):
        names.append(before[at - 2].text)
        at -= 2
    return tuple(reversed(names))


def _wanted(before: list[Token], group: Group) -> Wanted:
    last = before[-1] if before else None
    if last is not None and last.kind is Kind.OPERATOR and last.text not in (")", ";"):
        return _behind_operator(before, last, group)
    if last is not None and last.kind is Kind.KEYWORD:
        if last.text in _BEFORE_TABLES:
            return Wanted.TABLE
        if last.text in _BEFORE_EXPRESSIONS:
            return Wanted.EXPRESSION
    return Wanted.KEYWORD


def _behind_operator(before: list[Token], last: Token, group: Group) -> Wanted:
    if last.text in (",", "(") and _inserts(before, group):
        return Wanted.COLUMN
    if last.text == "*" and len(before) > 1 and before[-2].text in ("SELECT", ",", ".", "DISTINCT"):
        return Wanted.KEYWORD
    return Wanted.TABLE if last.text == "," and _lists_tables(group, last) else Wanted.EXPRESSION


def _inserts(before: list[Token], group: Group) -> bool:
    """Whether this is the list of columns behind `INSERT INTO orders`."""
    outside = [token for token in before if token.end < group.start]
    words = [token.text for token in outside if token.kind is Kind.KEYWORD]
    return bool(words) and words[-1] == "INTO" and outside[-1].kind is Kind.NAME


def _lists_tables(group: Group, comma: Token) -> bool:
    words = [
        member.text
        for member in group.members
        if isinstance(member, Token) and member.kind is Kind.KEYWORD and member.start < comma.start
    ]
    words = [word for word in words if word != "AS"]
    return bool(words) and words[-1] in ("FROM", "UPDATE")
