"""The bare words of a statement: keywords, and names that are neither quoted nor behind a point; all its tokens."""

from __future__ import annotations

from collections.abc import Iterator

from .scan import span_end
from .shape import token_matcher
from .statement import ParsedStatement


def words(statement: ParsedStatement) -> Iterator[str]:
    """Each of them in turn, in upper case."""
    sql = statement.sql
    for kind, start, text in _pieces(statement):
        if kind == "name" and (sql[start].isalpha() or sql[start] == "_") and sql[start - 1 : start] != ".":
            yield text.upper()


def tokens(statement: ParsedStatement) -> Iterator[str]:
    """Each token in turn: words that are not quoted in upper case, any other character, `?` for all that is quoted."""
    sql = statement.sql
    for kind, start, text in _pieces(statement):
        if kind in ("name", "other") and sql[start] not in '"`[':
            yield text.upper()
        elif kind != "gap" and not (kind == "span" and sql[start] == "/"):
            yield "?"


def _pieces(statement: ParsedStatement) -> Iterator[tuple[str | None, int, str]]:
    """Of what kind each is, where it begins, and its text; of a span, only how it begins."""
    match = token_matcher(statement.dialect)
    sql = statement.sql
    at = 0
    while at < len(sql):
        found = match(sql, at)
        kind, start, at = found.lastgroup, at, found.end()
        if kind == "span":
            at = span_end(sql, start, at) or len(sql)
        yield kind, start, found[0]
