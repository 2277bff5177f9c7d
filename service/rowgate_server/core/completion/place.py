"""Where the cursor is: the name that is being typed, its qualifier, and what may stand there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rowgate_server.core.completion.groups import is_operator
from rowgate_server.core.completion.records import Kind, Token
from rowgate_server.core.completion.scope import Scope, levels_at, scope_of
from rowgate_server.core.completion.tokens import tokenise
from rowgate_server.core.completion.wanted import Wanted, level_at, wanted_at
from rowgate_server.engines.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: the characters to replace, what of them is typed, what is wanted, the likeliest words."""

    start: int
    end: int
    prefix: str
    wanted: Wanted
    qualifier: tuple[str, ...] = ()
    scope: Scope = field(default_factory=Scope)
    words: Sequence[str] = ()


def place_at(sql: str, cursor: int, dialect: Dialect) -> Place:
    """Look at the text around the cursor."""
    tokens = tokenise(sql, dialect, cursor)
    current = next((token for token in tokens if token.start < cursor <= token.end), None)
    if current is not None and _is_text(current, cursor):
        return Place(cursor, cursor, "", Wanted.NOTHING)
    start, end, prefix = cursor, cursor, ""
    if current is not None and current.kind in (Kind.NAME, Kind.KEYWORD):
        start, end = current.start, current.end
        prefix = sql[start:cursor].lstrip('"`[') if current.quoted else sql[start:cursor]
    statement, last = _statement(tokens, cursor, len(sql))
    qualifier, begins = _qualifier([token for token in statement if token.end <= start], start)
    # A keyword that is being typed is none yet.
    statement = [token for token in statement if not (token is current and token.kind is Kind.KEYWORD)]
    levels, ctes = levels_at(statement, last, cursor, dialect)
    wanted, words = wanted_at(level_at(levels[-1], begins), levels[-2] if len(levels) > 1 else None)
    return Place(start, end, prefix, Wanted.MEMBER if qualifier else wanted, qualifier, scope_of(levels, ctes), words)


def _statement(tokens: Sequence[Token], cursor: int, end: int) -> tuple[list[Token], int]:
    """The tokens that count of the statement that the cursor is in, and where it ends."""
    separators = [token for token in tokens if is_operator(token, ";")]
    first = max((token.end for token in separators if token.end <= cursor), default=0)
    last = min((token.start for token in separators if token.start >= cursor), default=end)
    counting = [
        token
        for token in tokens
        if first <= token.start and token.end <= last and token.kind not in (Kind.SPACE, Kind.COMMENT)
    ]
    return counting, last


def _is_text(token: Token, cursor: int) -> bool:
    """Whether the cursor is within a literal or comment: what is typed there becomes part of it."""
    return token.kind in (Kind.COMMENT, Kind.LITERAL) and (cursor < token.end or not token.closed)


def _qualifier(before: Sequence[Token], start: int) -> tuple[tuple[str, ...], int]:
    """The names before the point: `shop.orders.` has two; and where all of it begins."""
    names: list[str] = []
    at = len(before)
    while at > 1 and is_operator(before[at - 1], ".") and before[at - 2].kind in (Kind.NAME, Kind.KEYWORD):
        names.append(before[at - 2].text)
        start = before[at - 2].start
        at -= 2
    return tuple(reversed(names)), start
