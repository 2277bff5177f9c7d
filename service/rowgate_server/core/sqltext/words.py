"""The bare words of a statement: keywords, and names that are neither quoted nor behind a point."""

from __future__ import annotations

from collections.abc import Iterator

from .scan import span_end
from .shape import token_matcher
from .statement import ParsedStatement


def words(statement: ParsedStatement) -> Iterator[str]:
    """Each of them in turn, in upper case."""
    match = token_matcher(statement.dialect)
    sql = statement.sql
    at = 0
    while at < len(sql):
        found = match(sql, at)
        kind, start, at = found.lastgroup, at, found.end()
        if kind == "span":
            at = span_end(sql, start, at) or len(sql)
        elif kind == "name" and (sql[start].isalpha() or sql[start] == "_") and sql[start - 1 : start] != ".":
            yield found[0].upper()
