"""Whether a COPY of PostgreSQL's goes between the server and its client, which takes the database's own protocol."""

from __future__ import annotations

from rowgate_server.engines.dialects import Dialect

from .statement import ParsedStatement
from .words import tokens

_DIRECTIONS, _CLIENTS = ("FROM", "TO"), ("STDIN", "STDOUT")
_DEPTHS = {"(": 1, ")": -1}


def copies_over_the_wire(statement: ParsedStatement) -> bool:
    """`COPY ... FROM STDIN`, `COPY ... TO STDOUT`; the server takes each of the words for the other, too.

    What is copied is a table with a list of columns, or a query in parentheses, so the first FROM or TO outside of
    them is the statement's own; unless it is behind a point, where any word is a name.
    """
    if statement.keyword != "COPY" or statement.dialect is not Dialect.POSTGRESQL:
        return False
    depth, before = 0, ""
    for text in tokens(statement):
        if before in _DIRECTIONS:
            return text in _CLIENTS
        depth += _DEPTHS.get(text, 0)
        before = "" if depth or before == "." else text
    return False
