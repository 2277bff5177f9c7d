"""Which statements neither change nor observe a session's state: those between which no reset is needed.

A strict allow-list. A plain statement is a SELECT of columns, literals and parameters, by the keywords, operators and
aggregates below, in which no two words stand side by side but where one is such a keyword: that leaves out INTO, FOR
UPDATE, LOCK, PROCEDURE and NEXT VALUE FOR without naming them. It calls no other function and names no variable, so
it can neither set nor ask anything of the session. What it reads may do so for it: a view, the server's own tables, a
virtual column. That is looked at in `guard` and `virtual`.

How the words are cut has to be how the server cuts them: a keyword behind a point is a name, as is one that follows on
digits (`t.where`, `1where`), or that a value's digits follow on (`limit?` is `limit5` to it), so none of them is plain.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# fmt: off
_KEYWORDS = frozenset({
    "all", "and", "as", "asc", "between", "by", "case", "cross", "desc", "distinct", "else", "end", "exists", "false",
    "from", "group", "having", "in", "inner", "is", "join", "left", "like", "limit", "not", "null", "offset", "on",
    "or", "order", "outer", "right", "select", "then", "true", "union", "using", "when", "where",
})
# fmt: on
AGGREGATES = frozenset({"avg", "count", "max", "min", "sum"})
_FUNCTIONS = AGGREGATES | {"coalesce"}
_TOKEN = re.compile(
    r"""
    \s+
    | (?P<word> [A-Za-z_][A-Za-z0-9_]* )
    | (?P<operand> [0-9]+(?:\.[0-9]+)?(?!\w) | `[^`]+` | '[^'\\]*' | (?<!\w)\?(?!\w) )
    | (?P<operator> <= | >= | <> | != | [=<>+*/%,.-] )
    | (?P<open> \( )
    | (?P<close> \) )
    """,
    re.VERBOSE | re.ASCII,
)
_AFTER_OPERATORS = frozenset({"operand", "open"})
_KINDS = {"operand": "operand", "open": "operator", "close": "operand", "operator": "operator"}
_SELECT = re.compile(r"select\b", re.IGNORECASE)
_COMMENTS = re.compile(r"--|/\*|\#")
_LONGEST = 4096


class Token(NamedTuple):
    """A part of a plain statement: `end` is where it ends in the text."""

    kind: str
    text: str
    end: int


def tokens(sql: str) -> list[Token] | None:
    """The parts of a statement, if it is plain; its placeholders are question marks."""
    if len(sql) > _LONGEST or not _SELECT.match(sql) or _COMMENTS.search(sql):
        return None
    found: list[Token] = []
    position, before = 0, "operator"
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        if match is None:
            return None
        position = match.end()
        if match.lastgroup is not None:
            kind = _kind(match, sql, before)
            if kind is None:
                return None
            before = kind
            found.append(Token(kind, match[0].lower() if kind == "keyword" else match[0], position))
    return found


def _kind(match: re.Match[str], sql: str, before: str) -> str | None:
    """What the token is where it stands; None where it may not stand."""
    group = match.lastgroup
    if group == "word":
        word = match["word"].lower()
        if word in _KEYWORDS:
            return None if before == "dot" else "keyword"
        if word in _FUNCTIONS and before != "dot" and sql[match.end() : match.end() + 1] == "(":
            return "operator"
        return None if before == "operand" else "operand"
    if before == "operand" and group in _AFTER_OPERATORS:
        return None
    return "dot" if match["operator"] == "." else _KINDS[group or ""]
