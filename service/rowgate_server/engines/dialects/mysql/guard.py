"""A plain statement, written so that the server refuses it where a view stands for one of the tables that it names.

A view may call what sets or asks something of the session, and of most of that the server does not tell:
`last_insert_id(77)`, `nextval`, `get_lock`, `found_rows()`. Whoever asks beforehand what a name stands for learns what
it stood for. So each table gets a hint that leaves its indexes as they are, being one for a clause that the statement
does not have. A view can't have one: the statement ends with an error when its tables are opened, before it runs.

The server's own schemas are left out by name, as their tables tell of the session.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from asyncmy.errors import MySQLError

from rowgate_server.engines.dialects.mysql.plain import AGGREGATES, Token, tokens

_SYSTEM = frozenset({"information_schema", "mysql", "performance_schema", "sys"})
_ORDINARY = re.compile(r"[A-Za-z0-9_$-]+", re.ASCII)
"""No other: the server takes some letters beyond ASCII for others, and a `#` may begin another way to write a name."""
_BEHIND_TABLES = frozenset({"where", "group", "having", "order", "limit", "union", "select"})
_GROUPING = frozenset({"group", "distinct", "having"})
_FOR_GROUPS, _FOR_ORDER = " USE INDEX FOR GROUP BY ()", " USE INDEX FOR ORDER BY ()"

_REFUSALS = ((1064,), (1176,))
"""A syntax error, as for DUAL, which takes no hint; an index that doesn't exist: a view has none."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A plain statement with its hints.

    Attributes:
        fragments: it, cut at its placeholders.
        tables: what it names; the schema is empty where it names none.
    """

    fragments: tuple[str, ...]
    tables: tuple[tuple[str, str], ...]


def is_refusal(error: MySQLError) -> bool:
    """Whether a statement with hints has failed in a way that it might not have failed in without."""
    return error.args[:1] in _REFUSALS


def is_ordinary(schema: str) -> bool:
    """Whether it is surely none of the server's own schemas."""
    return bool(_ORDINARY.fullmatch(schema)) and schema.lower() not in _SYSTEM


def guarded(fragments: tuple[str, ...]) -> Guarded | None:
    """The statement with its hints; None where it is not plain, or has no place for them."""
    parts = tokens("?".join(fragments))
    if parts is None:
        return None
    tables = _tables(parts)
    hint = _hint(parts)
    if tables is None or (tables and hint is None):
        return None
    places = [end for _, end in tables]
    return Guarded(_with(fragments, places, hint or ""), tuple(dict.fromkeys(table for table, _ in tables)))


def _hint(parts: Sequence[Token]) -> str | None:
    """One for a clause that the statement does not have."""
    words = {token.text.lower() for token in parts if token.kind in ("keyword", "operator")}
    if not words & (_GROUPING | AGGREGATES):
        return _FOR_GROUPS
    return None if "order" in words else _FOR_ORDER


def _with(fragments: tuple[str, ...], places: Sequence[int], hint: str) -> tuple[str, ...]:
    """The fragments with the hint at those places of the text that they are when joined by a character each."""
    made: list[str] = []
    begin = 0
    for fragment in fragments:
        cuts = [place - begin for place in places if begin < place <= begin + len(fragment)]
        ends = [0, *cuts, len(fragment)]
        made.append(hint.join(fragment[start:end] for start, end in pairwise(ends)))
        begin += len(fragment) + 1
    return tuple(made)


def _tables(parts: Sequence[Token]) -> list[tuple[tuple[str, str], int]] | None:
    """Each table, and where its hint goes; None where one is the server's own, or where it is not clear what is one."""
    found: list[tuple[tuple[str, str], int]] = []
    around: list[bool] = []
    among = wanted = False  # among tables; a table's name is what comes next
    at = 0
    while at < len(parts):
        token = parts[at]
        if wanted and token.kind == "operand" and token.text != ")":
            one = _table(parts, at)
            if one is None:
                return None
            table, at = one
            found.append((table, parts[at].end))
            wanted = False
        elif token.text == "(":
            around.append(among)
            among = wanted  # tables in parentheses; otherwise an expression, or a query
        elif wanted and token.text != "select":
            return None
        elif token.text == ")":
            if not around:
                return None
            among = around.pop()
        elif token.text == ",":
            wanted = among
        elif token.kind == "keyword":
            wanted = token.text in ("from", "join")
            among = (among or wanted) and token.text not in _BEHIND_TABLES
        at += 1
    return None if wanted else found


def _table(parts: Sequence[Token], at: int) -> tuple[tuple[str, str], int] | None:
    """The table whose name begins there, and the last part of it or of its alias."""
    schema, name = "", _name(parts, at)
    if _text(parts, at + 1) == ".":
        schema, name, at = name or "", _name(parts, at + 2), at + 2
        if not is_ordinary(schema):
            return None
    if not name or _text(parts, at + 1) == ".":
        return None
    if _text(parts, at + 1) == "as":
        return ((schema, name), at + 2) if _name(parts, at + 2) else None
    return (schema, name), at


def _text(parts: Sequence[Token], at: int) -> str:
    return parts[at].text if at < len(parts) else ""


def _name(parts: Sequence[Token], at: int) -> str | None:
    """The name that stands there; None for a literal, or anything else."""
    text = _text(parts, at)
    if text.startswith("`"):
        return text[1:-1]
    return text if text.isidentifier() and parts[at].kind == "operand" else None
